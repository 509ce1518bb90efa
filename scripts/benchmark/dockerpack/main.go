// Docker's own packers, as peers for the benchmark: what the `docker` command does with a build context between
// reading the ignore file and handing bytes to a connection, on the same public modules.
//
//	dockerpack tar DIR       the classic builder's archive (cli/command/image/build.go): go-archive with the
//	                         options set there. That command first walks and opens everything once more to check
//	                         permissions; this is left out here, in Docker's favour.
//	dockerpack tar.gz DIR    the same with its --compress.
//	dockerpack buildkit DIR  BuildKit's walk (fsutil's filter) and the content of every file, one after the other and
//	                         without the framing of its protocol, again in Docker's favour.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	archive "github.com/moby/go-archive"
	"github.com/moby/go-archive/compression"
	"github.com/moby/patternmatcher/ignorefile"
	"github.com/tonistiigi/fsutil"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "dockerpack:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	if len(arguments) != 2 {
		return errors.New("usage: dockerpack tar|tar.gz|buildkit DIR")
	}
	mode, root := arguments[0], arguments[1]
	excludes, err := ignorePatterns(root)
	if err != nil {
		return err
	}
	switch mode {
	case "tar":
		return pack(root, excludes, os.Stdout)
	case "tar.gz":
		out, err := compression.CompressStream(os.Stdout, compression.Gzip)
		if err != nil {
			return err
		}
		if err := pack(root, excludes, out); err != nil {
			return err
		}
		return out.Close()
	case "buildkit":
		return walk(root, excludes)
	}
	return fmt.Errorf("unknown mode %q", mode)
}

func ignorePatterns(root string) ([]string, error) {
	file, err := os.Open(filepath.Join(root, ".dockerignore"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return ignorefile.ReadAll(file)
}

func pack(root string, excludes []string, out io.Writer) error {
	tar, err := archive.TarWithOptions(root, &archive.TarOptions{
		ExcludePatterns: excludes,
		ChownOpts:       &archive.ChownOpts{UID: 0, GID: 0},
	})
	if err != nil {
		return err
	}
	defer tar.Close()
	_, err = io.Copy(out, tar)
	return err
}

func walk(root string, excludes []string) error {
	all, err := fsutil.NewFS(root)
	if err != nil {
		return err
	}
	kept, err := fsutil.NewFilterFS(all, &fsutil.FilterOpt{ExcludePatterns: excludes})
	if err != nil {
		return err
	}
	buffer := make([]byte, 32*1024) // as fsutil's sender has it
	return kept.Walk(context.Background(), "", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		// The sender wants it of every entry.
		info, err := entry.Info()
		if err != nil || !info.Mode().IsRegular() {
			return err
		}
		file, err := kept.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		_, err = io.CopyBuffer(plainWriter{os.Stdout}, plainReader{file}, buffer)
		return err
	})
}

// These hide that files could be copied by the kernel alone: what BuildKit sends goes through its buffer.
type plainReader struct{ io.Reader }
type plainWriter struct{ io.Writer }
