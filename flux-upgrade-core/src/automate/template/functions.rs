//! The functions of a message by their names.

use super::value::Value;
use super::{Problem, Trouble, builtins, lists, numbers, strings};

/// What Flux offers besides, and is not supported here.
const UNSUPPORTED: &str = "\
    abbrevboth add1f addf adler32sum ago all any b32dec b32enc b64dec b64enc base bcrypt biggest \
    buildCustomCert camelcase ceil chunk clean decryptAES deepCopy deepEqual derivePassword dig dir divf \
    duration durationRound encryptAES ext fail floor fromJson genCA genCAWithKey genPrivateKey \
    genSelfSignedCert genSelfSignedCertWithKey genSignedCert genSignedCertWithKey hello html htpasswd \
    initials isAbs js kebabcase kindIs kindOf maxf merge mergeOverwrite minf mulf mustAppend mustChunk \
    mustCompact mustDateModify mustDeepCopy mustFirst mustFromJson mustHas mustInitial mustLast \
    mustMerge mustMergeOverwrite mustPrepend mustPush mustRegexFind mustRegexFindAll mustRegexMatch \
    mustRegexReplaceAll mustRegexReplaceAllLiteral mustRegexSplit mustRest mustReverse mustSlice \
    mustToDate mustToJson mustToPrettyJson mustToRawJson mustUniq mustWithout must_date_modify omit \
    osBase osClean osDir osExt osIsAbs pick pluck randInt regexFindAll regexReplaceAllLiteral regexSplit \
    round semver semverCompare seq set sha1sum sha512sum shuffle snakecase splitn subf substr swapcase \
    toDate toDecimal toJson toPrettyJson toRawJson typeIs typeIsLike typeOf unixEpoch unset untilStep \
    urlJoin urlParse wrap wrapWith";

type Function = fn(&[Value]) -> Result<Value, Trouble>;

/// Whether a template may name a function.
pub(super) fn check(name: &str) -> Result<(), Problem> {
    if matches!(name, "and" | "or") || find(name).is_some() {
        return Ok(());
    }
    Err(if UNSUPPORTED.split(' ').any(|known| known == name) {
        Problem::Unsupported { what: format!("the function `{name}`") }
    } else {
        Problem::Unknown { name: name.to_owned() }
    })
}

/// Calls one with its arguments.
pub(super) fn call(name: &str, given: &[Value]) -> Result<Value, Trouble> {
    let Some((least, most, function)) = find(name) else {
        return Err(Trouble(Problem::Unknown { name: name.to_owned() }));
    };
    if given.len() < least || given.len() > most {
        let wanted = match (least, most) {
            (least, most) if least == most => least.to_string(),
            (least, ANY) => format!("at least {least}"),
            (least, most) => format!("{least} to {most}"),
        };
        return Err(Trouble::failed(format!("{wanted} arguments are wanted, and {} are given", given.len())));
    }
    function(given)
}

/// Any number of arguments.
pub(super) const ANY: usize = usize::MAX;

/// The least and most arguments, and what is called. A function of sprig hides one of Go.
fn find(name: &str) -> Option<(usize, usize, Function)> {
    let tables = [strings::TABLE, lists::TABLE, numbers::TABLE, builtins::TABLE];
    let found = tables.into_iter().flatten().find(|row| row.0 == name)?;
    Some((found.1, found.2, found.3))
}

/// Name, least and most arguments, what is called.
pub(super) type Row = (&'static str, usize, usize, Function);

/// The argument at a place as a text.
pub(super) fn text(given: &[Value], at: usize) -> Result<&str, Trouble> {
    match &given[at] {
        Value::Text(text) => Ok(text),
        other => Err(wrong(at, "a string", other)),
    }
}

/// The argument at a place as an `int`.
pub(super) fn int(given: &[Value], at: usize) -> Result<i64, Trouble> {
    match &given[at] {
        Value::Int(value) => Ok(*value),
        other => Err(wrong(at, "an int", other)),
    }
}

/// The argument at a place as a list.
pub(super) fn list(given: &[Value], at: usize) -> Result<&[Value], Trouble> {
    match &given[at] {
        Value::List(list) => Ok(&list.inner),
        other => Err(wrong(at, "a list", other)),
    }
}

fn wrong(at: usize, wanted: &str, found: &Value) -> Trouble {
    Trouble::failed(format!("{wanted} is wanted as argument {}, and {} is given", at + 1, found.kind()))
}
