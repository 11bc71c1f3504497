variable "flux_version" {
  type        = string
  description = "Version of Flux, with its v."
  default     = "v2.6.4"
}
