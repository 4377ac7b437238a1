package main

import (
	"encoding/json"
	"fmt"
	"unsafe"
)

// The functions islet gives a preview 1 command: runtime/wasm/native/wit/islet-imports.md.
//
//go:wasmimport islet call
func isletCall(request unsafe.Pointer, length int32, body unsafe.Pointer, bodyLength int32) int32

//go:wasmimport islet answer
func isletAnswer(into unsafe.Pointer)

//go:wasmimport islet body_len
func isletBodyLen() int32

//go:wasmimport islet body
func isletBody(into unsafe.Pointer)

// call runs one operation on env.NAME ("" is the runtime itself) and waits for its answer; bytes are nil where it has
// none.
func call(name, method string, args any, body []byte) (value json.RawMessage, bytes []byte, err error) {
	request, err := json.Marshal([]any{name, method, args})
	if err != nil {
		return nil, nil, err
	}
	bodyLength := int32(-1)
	var from unsafe.Pointer
	if body != nil {
		bodyLength = int32(len(body))
		from = unsafe.Pointer(unsafe.SliceData(body))
	}
	length := isletCall(unsafe.Pointer(unsafe.SliceData(request)), int32(len(request)), from, bodyLength)
	if length < 0 {
		return nil, nil, fmt.Errorf("islet: malformed request %s", request)
	}
	text := make([]byte, length+1)
	isletAnswer(unsafe.Pointer(unsafe.SliceData(text)))
	var answer struct {
		Ok    json.RawMessage
		Error *struct{ Name, Message, Code string }
	}
	if err := json.Unmarshal(text[:length], &answer); err != nil {
		return nil, nil, err
	}
	if answer.Error != nil {
		return nil, nil, fmt.Errorf("%s: %s", answer.Error.Code, answer.Error.Message)
	}
	if size := isletBodyLen(); size >= 0 {
		all := make([]byte, size+1)
		isletBody(unsafe.Pointer(unsafe.SliceData(all)))
		bytes = all[:size]
	}
	return answer.Ok, bytes, nil
}
