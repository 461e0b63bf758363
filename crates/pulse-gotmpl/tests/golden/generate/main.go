// Renders the templates of ../cases.txt with Go's own text/template and writes ../golden.json.
// Run it after adding a case, where Go is installed:
//
//	cd crates/pulse-gotmpl/tests/golden/generate && go run .
package main

import (
	"bytes"
	"encoding/json"
	"net/url"
	"os"
	"strings"
	"text/template"
)

type alert struct {
	ID           string
	ResourceName string
	Value        float64
	Threshold    float64
}

type data struct {
	ID, Level, Type, ResourceName, Node, Message, Empty string
	Value, Threshold, Whole, Big, Small, Negative, Zero   float64
	Count, None                                           int
	Acknowledged                                          bool
	Metadata                                              map[string]any
	CustomFields                                          map[string]string
	EmptyMap                                              map[string]any
	Alerts                                                []alert
	Names                                                 []string
	NoNames                                               []string
}

type golden struct {
	Template string `json:"template"`
	Output   string `json:"output"`
	Fails    bool   `json:"fails,omitempty"`
}

func title(s string) string {
	if s == "" {
		return s
	}
	r := []rune(s)
	return strings.ToUpper(string(r[:1])) + strings.ToLower(string(r[1:]))
}

func main() {
	source, err := os.ReadFile("../cases.txt")
	if err != nil {
		panic(err)
	}
	value := data{
		ID: "lab-100-cpu", Level: "critical", Type: "cpu", ResourceName: "db \"one\" <é>", Node: "pve1",
		Message: "VM cpu at 91.5%", Value: 91.5, Threshold: 80, Whole: 91, Big: 1234567, Small: 0.00001234,
		Negative: -2.25, Count: 3, Acknowledged: true,
		Metadata: map[string]any{
			"resourceType": "VM", "clearThreshold": 75.0, "monitorOnly": false, "nothing": nil,
			"nested": map[string]any{"a": "x", "b": 2.0}, "tags": []any{"prod", "db"},
		},
		CustomFields: map[string]string{"routing_key": "abc", "priority": ""},
		Alerts: []alert{
			{"a1", "web", 50.5, 40}, {"a2", "db", 91, 80}, {"a3", "mail", 75.25, 70},
		},
		Names: []string{"x", "y", "z"},
	}
	functions := template.FuncMap{
		"title": title, "upper": strings.ToUpper, "lower": strings.ToLower,
		"urlencode": template.URLQueryEscaper, "urlpath": url.PathEscape, "pathescape": url.PathEscape,
	}
	var out []golden
	for _, text := range strings.Split(strings.TrimSuffix(string(source), "\n"), "\n====\n") {
		entry := golden{Template: text}
		parsed, err := template.New("webhook").Funcs(functions).Parse(text)
		var buffer bytes.Buffer
		if err == nil {
			err = parsed.Execute(&buffer, value)
		}
		if err != nil {
			entry.Fails = true
		} else {
			entry.Output = buffer.String()
		}
		out = append(out, entry)
	}
	var encoded bytes.Buffer
	encoder := json.NewEncoder(&encoded)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(out); err != nil {
		panic(err)
	}
	if err := os.WriteFile("../golden.json", encoded.Bytes(), 0o644); err != nil {
		panic(err)
	}
}
