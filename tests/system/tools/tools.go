//go:build tools

// Package tools names the Go programs that the system tests use, so that go.mod and go.sum pin
// them: zlint judges issued certificates, Pebble is the ACME server that the tests and
// assay-agent are calibrated against.
package tools

import (
	_ "github.com/letsencrypt/pebble/v2/cmd/pebble"
	_ "github.com/zmap/zlint/v3/cmd/zlint"
)
