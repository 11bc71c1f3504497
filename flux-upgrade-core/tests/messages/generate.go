// Fills table.json: what Go's text/template makes of each template, with sprig's hermetic functions and data of the types
// that image-automation-controller gives to a commit message.
//
//	go mod init x && go get github.com/Masterminds/sprig/v3@v3.3.0 k8s.io/apimachinery@v0.35.0 sigs.k8s.io/kustomize/kyaml@v0.21.1
//	go run generate.go table.json
package main

import (
	"bytes"
	"encoding/json"
	"os"
	"sort"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig/v3"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/kustomize/kyaml/yaml"
)

type Table struct {
	Data      map[string]Data `json:"data"`
	Functions []string        `json:"functions"`
	Cases     []Case          `json:"cases"`
}

type Data struct {
	Namespace string            `json:"namespace"`
	Name      string            `json:"name"`
	Values    map[string]string `json:"values"`
	Changes   []Field           `json:"changes"`
}

type Field struct {
	File   string    `json:"file"`
	Object [4]string `json:"object"`
	Old    string    `json:"old"`
	New    string    `json:"new"`
	Setter string    `json:"setter"`
}

type Case struct {
	Template string  `json:"template"`
	Data     string  `json:"data"`
	Message  *string `json:"message,omitempty"`
	Refused  bool    `json:"refused,omitempty"`
	// Renders in Flux, and is an error that says so here.
	Unsupported bool `json:"unsupported,omitempty"`
}

type Identifier struct{ yaml.ResourceIdentifier }

type Change struct{ OldValue, NewValue, Setter string }

type Objects map[Identifier][]Change

type Changed struct{ FileChanges map[string]Objects }

func sorted[V any](all map[string]V) []string {
	var keys []string
	for key := range all {
		keys = append(keys, key)
	}
	sort.Strings(keys)
	return keys
}

// The order of files and objects is random in the controller, and that of their names here.
func (c Changed) Changes() []Change {
	var out []Change
	seen := map[Change]bool{}
	for _, file := range sorted(c.FileChanges) {
		objects := map[string][]Change{}
		for id, changes := range c.FileChanges[file] {
			objects[strings.Join([]string{id.APIVersion, id.Kind, id.Name, id.Namespace}, "\x00")] = changes
		}
		for _, name := range sorted(objects) {
			for _, change := range objects[name] {
				if !seen[change] {
					seen[change] = true
					out = append(out, change)
				}
			}
		}
	}
	return out
}

func (c Changed) Objects() Objects {
	out := Objects{}
	for _, file := range sorted(c.FileChanges) {
		for id, changes := range c.FileChanges[file] {
			out[id] = changes
		}
	}
	return out
}

func rendered(text string, data Data) (string, error) {
	files := map[string]Objects{}
	for _, field := range data.Changes {
		if files[field.File] == nil {
			files[field.File] = Objects{}
		}
		id := Identifier{yaml.ResourceIdentifier{
			TypeMeta: yaml.TypeMeta{APIVersion: field.Object[0], Kind: field.Object[1]},
			NameMeta: yaml.NameMeta{Name: field.Object[2], Namespace: field.Object[3]},
		}}
		files[field.File][id] = append(files[field.File][id], Change{field.Old, field.New, field.Setter})
	}
	given := struct {
		AutomationObject types.NamespacedName
		Changed          Changed
		Values           map[string]string
	}{types.NamespacedName{Namespace: data.Namespace, Name: data.Name}, Changed{files}, data.Values}
	if text == "" {
		text = "Update from image update automation"
	}
	parsed, err := template.New("commit message").Funcs(sprig.HermeticTxtFuncMap()).Parse(text)
	if err != nil {
		return "", err
	}
	out := &strings.Builder{}
	err = parsed.Execute(out, given)
	return out.String(), err
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	check(err)
	var table Table
	check(json.Unmarshal(text, &table))
	functions := sprig.HermeticTxtFuncMap()
	table.Functions = sorted(functions)
	for at := range table.Cases {
		one := &table.Cases[at]
		message, err := rendered(one.Template, table.Data[one.Data])
		one.Message, one.Refused = &message, err != nil
		if err != nil {
			one.Message = nil
			if len(os.Args) > 2 {
				println(one.Template, err.Error())
			}
		}
	}
	out := &bytes.Buffer{}
	coder := json.NewEncoder(out)
	coder.SetEscapeHTML(false)
	coder.SetIndent("", " ")
	check(coder.Encode(table))
	check(os.WriteFile(os.Args[1], out.Bytes(), 0o644))
}
