// What BuildKit makes of Dockerfiles: one request a line on standard input, one answer a line on standard output, both
// JSON. Kaniko's executor reads Dockerfiles with the same packages.
//
//	{"dockerfile": "FROM …"}                                   its syntax, its stages, or why it is refused
//	{"word": "$a", "escape": "\\", "variables": {"a": "b"}}    what the word becomes, or why it cannot be expanded
//
// Built with the tags dfparents, dfexcludepatterns and dfrunsecurity it is the labs channel's view.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/moby/buildkit/frontend/dockerfile/instructions"
	"github.com/moby/buildkit/frontend/dockerfile/linter"
	"github.com/moby/buildkit/frontend/dockerfile/parser"
	"github.com/moby/buildkit/frontend/dockerfile/shell"
	"github.com/pkg/errors"
)

type request struct {
	Dockerfile string            `json:"dockerfile"`
	Word       *string           `json:"word"`
	Escape     string            `json:"escape"`
	Quotes     string            `json:"quotes"`
	Escapes    string            `json:"escapes"`
	Unset      string            `json:"unset"`
	Variables  map[string]string `json:"variables"`
}

type answer struct {
	Escape       string        `json:"escape,omitempty"`
	Instructions []instruction `json:"instructions,omitempty"`
	MetaArgs     []arg         `json:"meta_args,omitempty"`
	Stages       []stage       `json:"stages,omitempty"`
	Word         *string       `json:"word,omitempty"`
	Words        []string      `json:"words,omitempty"`
	Error        string        `json:"error,omitempty"`
	Line         int           `json:"line,omitempty"`
}

type instruction struct {
	Lines    [2]int       `json:"lines"`
	Name     string       `json:"name"`
	Flags    []string     `json:"flags,omitempty"`
	Words    []string     `json:"words,omitempty"`
	JSON     bool         `json:"json,omitempty"`
	Heredocs []heredoc    `json:"heredocs,omitempty"`
	Trigger  *instruction `json:"trigger,omitempty"`
}

type heredoc struct {
	Name       string `json:"name"`
	Content    string `json:"content"`
	Expand     bool   `json:"expand"`
	Chomp      bool   `json:"chomp"`
	Descriptor uint   `json:"descriptor"`
}

type stage struct {
	Base     string    `json:"base"`
	Name     string    `json:"name,omitempty"`
	Platform string    `json:"platform,omitempty"`
	Commands []command `json:"commands,omitempty"`
}

type command struct {
	Name   string   `json:"name"`
	Copy   *copied  `json:"copy,omitempty"`
	Args   []arg    `json:"args,omitempty"`
	Pairs  []string `json:"pairs,omitempty"`
	Mounts []string `json:"mounts,omitempty"`
}

type copied struct {
	Sources     []string `json:"sources,omitempty"`
	Files       []file   `json:"files,omitempty"`
	Destination string   `json:"destination"`
	From        string   `json:"from,omitempty"`
	Chown       string   `json:"chown,omitempty"`
	Chmod       string   `json:"chmod,omitempty"`
	Checksum    string   `json:"checksum,omitempty"`
	Exclude     []string `json:"exclude,omitempty"`
	Link        bool     `json:"link,omitempty"`
	Parents     bool     `json:"parents,omitempty"`
	KeepGitDir  bool     `json:"keep_git_dir,omitempty"`
}

type file struct {
	Name    string `json:"name"`
	Content string `json:"content"`
	Expand  bool   `json:"expand"`
}

type arg struct {
	Name    string  `json:"name"`
	Default *string `json:"default,omitempty"`
}

func main() {
	in := bufio.NewReader(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	// Messages hold < and >.
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	for requests := json.NewDecoder(in); requests.More(); {
		var request request
		if err := requests.Decode(&request); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		if err := encoder.Encode(view(request)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func view(request request) answer {
	if request.Word != nil {
		return expand(request)
	}
	result, err := parser.Parse(strings.NewReader(request.Dockerfile))
	if err != nil {
		return refusal(err)
	}
	answer := answer{Escape: string(result.EscapeToken)}
	for _, node := range result.AST.Children {
		answer.Instructions = append(answer.Instructions, *syntax(node))
	}
	stages, metaArgs, err := instructions.Parse(result.AST, &linter.Linter{})
	if err != nil {
		refused := refusal(err)
		answer.Error, answer.Line = refused.Error, refused.Line
		return answer
	}
	for _, command := range metaArgs {
		answer.MetaArgs = append(answer.MetaArgs, args(command.Args)...)
	}
	for _, parsed := range stages {
		stage := stage{Base: parsed.BaseName, Name: parsed.Name, Platform: parsed.Platform}
		for _, command := range parsed.Commands {
			stage.Commands = append(stage.Commands, meaning(command))
		}
		answer.Stages = append(answer.Stages, stage)
	}
	return answer
}

func refusal(err error) answer {
	answer := answer{Error: err.Error()}
	var located *parser.LocationError
	if errors.As(err, &located) {
		answer.Line = located.Locations[0][0].Start.Line
	}
	return answer
}

func syntax(node *parser.Node) *instruction {
	instruction := &instruction{
		Lines: [2]int{node.StartLine, node.EndLine},
		Name:  node.Value,
		Flags: node.Flags,
		JSON:  node.Attributes["json"],
	}
	for next := node.Next; next != nil; next = next.Next {
		if len(next.Children) > 0 {
			instruction.Trigger = syntax(next.Children[0])
		} else {
			instruction.Words = append(instruction.Words, next.Value)
		}
	}
	for _, doc := range node.Heredocs {
		instruction.Heredocs = append(instruction.Heredocs, heredoc{
			Name: doc.Name, Content: doc.Content, Expand: doc.Expand, Chomp: doc.Chomp, Descriptor: doc.FileDescriptor,
		})
	}
	return instruction
}

func meaning(parsed instructions.Command) command {
	command := command{Name: parsed.Name()}
	switch parsed := parsed.(type) {
	case *instructions.AddCommand:
		command.Copy = sources(parsed.SourcesAndDest)
		command.Copy.Chown, command.Copy.Chmod, command.Copy.Checksum = parsed.Chown, parsed.Chmod, parsed.Checksum
		command.Copy.Exclude = parsed.ExcludePatterns
		command.Copy.Link, command.Copy.KeepGitDir = parsed.Link, parsed.KeepGitDir
	case *instructions.CopyCommand:
		command.Copy = sources(parsed.SourcesAndDest)
		command.Copy.Chown, command.Copy.Chmod, command.Copy.From = parsed.Chown, parsed.Chmod, parsed.From
		command.Copy.Exclude = parsed.ExcludePatterns
		command.Copy.Link, command.Copy.Parents = parsed.Link, parsed.Parents
	case *instructions.ArgCommand:
		command.Args = args(parsed.Args)
	case *instructions.EnvCommand:
		for _, pair := range parsed.Env {
			command.Pairs = append(command.Pairs, pair.Key, pair.Value)
		}
	case *instructions.RunCommand:
		for _, mount := range instructions.GetMounts(parsed) {
			command.Mounts = append(command.Mounts, mount.From)
		}
	}
	return command
}

func sources(parsed instructions.SourcesAndDest) *copied {
	copied := &copied{Sources: parsed.SourcePaths, Destination: parsed.DestPath}
	for _, content := range parsed.SourceContents {
		copied.Files = append(copied.Files, file{Name: content.Path, Content: content.Data, Expand: content.Expand})
	}
	return copied
}

func args(parsed []instructions.KeyValuePairOptional) (args []arg) {
	for _, pair := range parsed {
		args = append(args, arg{Name: pair.Key, Default: pair.Value})
	}
	return args
}

func expand(request request) answer {
	lex := shell.NewLex([]rune(request.Escape)[0])
	lex.RawQuotes = request.Quotes == "keep"
	lex.SkipProcessQuotes = request.Quotes == "ignore"
	lex.RawEscapes = request.Escapes == "keep"
	lex.SkipUnsetEnv = request.Unset == "keep"
	var variables []string
	for name, value := range request.Variables {
		variables = append(variables, name+"="+value)
	}
	slices.Sort(variables)
	word, _, err := lex.ProcessWord(*request.Word, shell.EnvsFromSlice(variables))
	if err != nil {
		return answer{Error: err.Error()}
	}
	words, err := lex.ProcessWords(*request.Word, shell.EnvsFromSlice(variables))
	if err != nil {
		return answer{Error: "words: " + err.Error()}
	}
	return answer{Word: &word, Words: words}
}
