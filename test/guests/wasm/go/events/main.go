// A resident loop: one line of JSON in, one out; what it remembers lasts as long as the instance.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, 8<<20)
	answers := json.NewEncoder(os.Stdout)
	for seen := 1; lines.Scan(); seen++ {
		var event any
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if event == "panic" {
			panic("boom")
		}
		fmt.Fprintln(os.Stderr, "event", seen)
		answers.Encode(map[string]any{"seen": seen, "event": event})
	}
}
