// A CGI program (RFC 3875) on net/http/cgi, which serves a plain http.Handler; answers events as well.
package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cgi"
	"os"
	"strings"
)

func main() {
	if os.Getenv("ISLET_EVENT") == "1" {
		answerEvent()
		return
	}
	if err := cgi.Serve(http.HandlerFunc(answer)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func answer(response http.ResponseWriter, request *http.Request) {
	switch request.URL.Query().Get("act") {
	case "":
		fmt.Fprint(response, "Hello World!")
	case "echo":
		response.Header().Set("Content-Type", request.Header.Get("Content-Type"))
		if _, err := io.Copy(response, request.Body); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
	case "request":
		response.Header().Set("Content-Type", "application/json")
		json.NewEncoder(response).Encode(map[string]any{
			"method": request.Method, "path": request.URL.Path, "query": request.URL.RawQuery,
			"host": request.Host, "say": request.Header.Get("X-Say"), "var": os.Getenv("GREETING"),
		})
	case "panic":
		panic("boom")
	case "kv":
		answerKv(response, request)
	default:
		http.NotFound(response, request)
	}
}

func answerKv(response http.ResponseWriter, request *http.Request) {
	key := request.URL.Query().Get("key")
	if request.Method == http.MethodPut {
		value, _ := io.ReadAll(request.Body)
		if _, _, err := call("KV", "put", map[string]any{"key": key}, value); err != nil {
			http.Error(response, err.Error(), http.StatusBadGateway)
			return
		}
		response.WriteHeader(http.StatusNoContent)
		return
	}
	value, bytes, err := call("KV", "get", map[string]any{"key": key}, nil)
	switch {
	case err != nil:
		http.Error(response, err.Error(), http.StatusBadGateway)
	case bytes == nil:
		http.Error(response, string(value), http.StatusNotFound)
	default:
		response.Write(bytes)
	}
}

func answerEvent() {
	var event any
	if err := json.NewDecoder(os.Stdin).Decode(&event); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Fprintln(os.Stderr, "an event for", strings.ToUpper("go"))
	json.NewEncoder(os.Stdout).Encode(map[string]any{"event": event, "var": os.Getenv("GREETING")})
}
