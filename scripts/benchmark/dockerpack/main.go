// Docker's own packers, as peers for the benchmark: what the `docker` command does with a build context from
// reading the ignore file to handing bytes to a connection, on the same public modules.
//
//	dockerpack tar DIR       the classic builder's archive alone: go-archive with the options that
//	                         cli/command/image/build.go sets.
//	dockerpack cli DIR       the same as that file has it: before packing, everything is walked, matched and opened
//	                         once to see that it can be read.
//	dockerpack tar.gz DIR    as tar, with that command's --compress.
//	dockerpack buildkit DIR  BuildKit's walk (fsutil's filter) and the content of every file, one after the other and
//	                         without the framing of its protocol, in its favour.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/docker/cli/cli/command/image/build"
	archive "github.com/moby/go-archive"
	"github.com/moby/go-archive/compression"
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
		return errors.New("usage: dockerpack tar|cli|tar.gz|buildkit DIR")
	}
	mode, root := arguments[0], arguments[1]
	excludes, err := build.ReadDockerignore(root)
	if err != nil {
		return err
	}
	switch mode {
	case "tar":
		return pack(root, excludes, os.Stdout)
	case "cli":
		if err := build.ValidateContextDirectory(root, excludes); err != nil {
			return err
		}
		excludes = build.TrimBuildFilesFromExcludes(excludes, "Dockerfile", false)
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
