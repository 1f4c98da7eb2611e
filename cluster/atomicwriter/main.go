// Atomicwriter writes a volume with the kubelet's own code, for tests that must
// see exactly what a pod would see.
//
//	atomicwriter DIR
//
// Each line on standard input is a JSON object of file names and contents: the
// next state of the volume. After each the command prints the name of the
// generation that is now in place. Any error ends it with code 1.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/kubernetes/pkg/volume/util"
)

// mode is the kubelet's default for ConfigMaps and Secrets.
const mode = 0o644

// longest is above what a ConfigMap may hold, as JSON.
const longest = 8 << 20

func main() {
	if err := write(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "atomicwriter:", err)
		os.Exit(1)
	}
}

func write(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("usage: atomicwriter DIR")
	}
	dir := args[0]
	writer, err := util.NewAtomicWriter(dir, "atomicwriter")
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, longest)
	for lines.Scan() {
		if err := step(writer, dir, lines.Bytes()); err != nil {
			return err
		}
	}
	return lines.Err()
}

// step brings the volume to one state and says which generation that is.
func step(writer *util.AtomicWriter, dir string, line []byte) error {
	var files map[string]string
	if err := json.Unmarshal(line, &files); err != nil {
		return err
	}
	payload := make(map[string]util.FileProjection, len(files))
	for name, content := range files {
		payload[name] = util.FileProjection{Data: []byte(content), Mode: mode}
	}
	if err := writer.Write(payload, nil); err != nil {
		return err
	}
	generation, err := os.Readlink(filepath.Join(dir, "..data"))
	if err != nil {
		return err
	}
	fmt.Println(generation)
	return nil
}
