// SPDX-License-Identifier: Apache-2.0

// Tlogcheck judges a log that lies in files as c2sp.org/tlog-tiles says, with Go's own libraries for such logs: none of
// its code is Merlon's. It checks the signature of the checkpoint, every tile against the root and every entry against
// its leaf; with a further checkpoint, that the log contains what that one promised.
package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const (
	height = 8
	width  = 1 << height
)

// files reads tiles. The library spells the height in their names, the published layout does not.
type files struct{ folder string }

func (f files) Height() int                         { return height }
func (f files) SaveTiles(_ []tlog.Tile, _ [][]byte) {}

func (f files) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	data := make([][]byte, len(tiles))
	for i, tile := range tiles {
		name := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/", height), "tile/", 1)
		content, err := os.ReadFile(filepath.Join(f.folder, name))
		if err != nil {
			return nil, err
		}
		data[i] = content
	}
	return data, nil
}

// openCheckpoint gives what the key signed. The text is origin, size and root, a line each.
func openCheckpoint(path string, verifier note.Verifier) (tree tlog.Tree, err error) {
	message, err := os.ReadFile(path)
	if err != nil {
		return tree, err
	}
	signed, err := note.Open(message, note.VerifierList(verifier))
	if err != nil {
		return tree, fmt.Errorf("%s: %w", path, err)
	}
	lines := strings.Split(signed.Text, "\n")
	if len(lines) < 4 || lines[0] != verifier.Name() {
		return tree, fmt.Errorf("%s is no checkpoint of %s", path, verifier.Name())
	}
	if tree.N, err = strconv.ParseInt(lines[1], 10, 64); err != nil {
		return tree, err
	}
	root, err := base64.StdEncoding.DecodeString(lines[2])
	if err != nil || copy(tree.Hash[:], root) != tlog.HashSize {
		return tree, fmt.Errorf("%s has no root", path)
	}
	return tree, nil
}

// readBundle gives the entries from index first on, at most a bundle of them.
func readBundle(folder string, first, count int64) ([][]byte, error) {
	tile := tlog.Tile{H: height, L: -1, N: first / width, W: int(count)}
	name := strings.Replace(tile.Path(), fmt.Sprintf("tile/%d/data/", height), "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for rest := bytes.NewBuffer(data); rest.Len() > 0; {
		length := rest.Next(2)
		if len(length) < 2 || rest.Len() < int(binary.BigEndian.Uint16(length)) {
			return nil, fmt.Errorf("%s is cut short", name)
		}
		entries = append(entries, rest.Next(int(binary.BigEndian.Uint16(length))))
	}
	if int64(len(entries)) != count {
		return nil, fmt.Errorf("%s has %d entries, not %d", name, len(entries), count)
	}
	return entries, nil
}

// checkEntries compares each entry with its leaf, which the reader has checked against the root.
func checkEntries(folder string, tree tlog.Tree, hashes tlog.HashReader) error {
	for first := int64(0); first < tree.N; first += width {
		count := tree.N - first
		if count > width {
			count = width
		}
		entries, err := readBundle(folder, first, count)
		if err != nil {
			return err
		}
		indexes := make([]int64, count)
		for i := range indexes {
			indexes[i] = tlog.StoredHashIndex(0, first+int64(i))
		}
		leaves, err := hashes.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for i, entry := range entries {
			if tlog.RecordHash(entry) != leaves[i] {
				return fmt.Errorf("entry %d is not the one in the tree", first+int64(i))
			}
		}
	}
	return nil
}

// checkOld proves from the tiles that the log still contains an earlier one.
func checkOld(tree, old tlog.Tree, hashes tlog.HashReader) error {
	if old.N > tree.N {
		return fmt.Errorf("the log has %d entries; it had %d", tree.N, old.N)
	}
	if old.N == 0 {
		return nil
	}
	proof, err := tlog.ProveTree(tree.N, old.N, hashes)
	if err != nil {
		return err
	}
	return tlog.CheckTree(proof, tree.N, tree.Hash, old.N, old.Hash)
}

func check(folder, vkey string, older []string) (tree tlog.Tree, err error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return tree, err
	}
	if tree, err = openCheckpoint(filepath.Join(folder, "checkpoint"), verifier); err != nil {
		return tree, err
	}
	if tree.N == 0 && tree.Hash != sha256.Sum256(nil) {
		return tree, errors.New("the checkpoint of an empty log has another root")
	}
	hashes := tlog.TileHashReader(tree, files{folder})
	if err = checkEntries(folder, tree, hashes); err != nil {
		return tree, err
	}
	for _, path := range older {
		old, err := openCheckpoint(path, verifier)
		if err == nil {
			err = checkOld(tree, old, hashes)
		}
		if err != nil {
			return tree, err
		}
	}
	return tree, nil
}

func run(arguments []string) error {
	if len(arguments) < 2 {
		return errors.New("usage: tlogcheck FOLDER VKEY [OLDER-CHECKPOINT...]")
	}
	tree, err := check(arguments[0], arguments[1], arguments[2:])
	if err != nil {
		return err
	}
	fmt.Printf("%d entries, root %s\n", tree.N, tree.Hash)
	return nil
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "tlogcheck: %v\n", err)
		os.Exit(1)
	}
}
