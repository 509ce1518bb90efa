// Unpacks an archive with Go's own readers: untar ARCHIVE DIRECTORY. Kaniko's executor reads archives with the same.
package main

import (
	"archive/tar"
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

func main() {
	if err := unpack(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func unpack(archive, directory string) error {
	file, err := os.Open(archive)
	if err != nil {
		return err
	}
	buffered := bufio.NewReader(file)
	var plain io.Reader = buffered
	if magic, _ := buffered.Peek(2); string(magic) == "\x1f\x8b" {
		if plain, err = gzip.NewReader(buffered); err != nil {
			return err
		}
	}
	entries := tar.NewReader(plain)
	for {
		header, err := entries.Next()
		if err == io.EOF {
			return nil
		}
		if err == nil {
			err = create(filepath.Join(directory, header.Name), header, entries)
		}
		if err != nil {
			return err
		}
	}
}

func create(path string, header *tar.Header, content io.Reader) error {
	switch header.Typeflag {
	case tar.TypeSymlink:
		return os.Symlink(header.Linkname, path)
	case tar.TypeDir:
		if err := os.Mkdir(path, 0o755); err != nil {
			return err
		}
	case tar.TypeReg:
		file, err := os.Create(path)
		if err != nil {
			return err
		}
		if _, err := io.Copy(file, content); err != nil {
			return err
		}
		if err := file.Close(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("%s: unexpected kind %q", header.Name, header.Typeflag)
	}
	if err := os.Chmod(path, header.FileInfo().Mode()); err != nil {
		return err
	}
	return os.Chtimes(path, header.ModTime, header.ModTime)
}
