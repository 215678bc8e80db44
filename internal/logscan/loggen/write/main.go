// The write program writes a made-up log to its standard output, to measure
// with: go run ./internal/logscan/loggen/write -size 2G >big.log.
package main

import (
	"flag"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/kennel-stream/kennel/internal/logscan/loggen"
)

func main() {
	o := loggen.Options{}
	size := flag.String("size", "64M", "bytes, with K, M or G")
	flag.BoolVar(&o.Debug, "debug", true, "at Wolf's level DEBUG")
	flag.BoolVar(&o.Dense, "dense", false, "nearly every line is one that a diagnosis looks at")
	flag.BoolVar(&o.Broken, "broken", false, "the last session fails")
	flag.Uint64Var(&o.Seed, "seed", 1, "chooses addresses and pauses")
	flag.Parse()
	var err error
	if o.Size, err = parseSize(*size); err == nil {
		err = loggen.Write(os.Stdout, o)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func parseSize(text string) (int64, error) {
	shift := 0
	for i, unit := range "KMG" {
		if number, ok := strings.CutSuffix(text, string(unit)); ok {
			text, shift = number, 10*(i+1)
		}
	}
	n, err := strconv.ParseInt(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("size %s: use a number with K, M or G", text)
	}
	return n << shift, nil
}
