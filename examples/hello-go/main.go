// A web handler in Go. net/http/cgi turns the CGI request into an *http.Request, so that the handler is a plain one.
package main

import (
	"fmt"
	"log"
	"net/http"
	"net/http/cgi"
)

func main() {
	mux := http.NewServeMux()
	mux.HandleFunc("/", hello)
	mux.HandleFunc("/visits", visits)
	if err := cgi.Serve(mux); err != nil {
		log.Fatal(err)
	}
}

func hello(response http.ResponseWriter, request *http.Request) {
	name := request.URL.Query().Get("name")
	if name == "" {
		name = "World"
	}
	response.Header().Set("Content-Type", "text/plain; charset=utf-8")
	fmt.Fprintf(response, "Hello from Go, %s!\n", name)
}

// visits counts its calls in the binding that islet.json names KV.
func visits(response http.ResponseWriter, request *http.Request) {
	var answer struct {
		Value int64 `json:"value"`
	}
	if err := call("KV", "increment", map[string]any{"key": "visits"}, &answer); err != nil {
		log.Print(err)
		http.Error(response, "the counter is out of order", http.StatusBadGateway)
		return
	}
	fmt.Fprintf(response, "%d\n", answer.Value)
}
