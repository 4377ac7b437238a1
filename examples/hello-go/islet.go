package main

import (
	"encoding/json"
	"fmt"
	"unsafe"
)

// The functions islet gives a WASI preview 1 program, as runtime/wasm/native/wit/islet-imports.md has them.

//go:wasmimport islet call
func isletCall(request unsafe.Pointer, requestLen uint32, body unsafe.Pointer, bodyLen int32) int32

//go:wasmimport islet answer
func isletAnswer(to unsafe.Pointer)

// call runs an operation of the binding env.name and puts its value into result.
func call(name, method string, args any, result any) error {
	request, err := json.Marshal([]any{name, method, args})
	if err != nil {
		return err
	}
	length := isletCall(unsafe.Pointer(unsafe.SliceData(request)), uint32(len(request)), nil, -1)
	if length < 0 {
		return fmt.Errorf("islet: malformed request %s", request)
	}
	text := make([]byte, length)
	isletAnswer(unsafe.Pointer(unsafe.SliceData(text)))
	var answer struct {
		Ok    json.RawMessage
		Error *struct{ Code, Message string }
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return err
	}
	if answer.Error != nil {
		return fmt.Errorf("%s: %s", answer.Error.Code, answer.Error.Message)
	}
	return json.Unmarshal(answer.Ok, result)
}
