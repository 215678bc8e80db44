package bench

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/kennel-stream/kennel/internal/evidence"
	"github.com/kennel-stream/kennel/internal/process"
)

// smi is what nvidia-smi tells of the first device, in MiB.
type smi struct {
	used      int64
	processes map[int]int64
}

// askSMI runs nvidia-smi, the peer that our own meter is held against.
func askSMI(ctx context.Context, spawner *process.Spawner) (smi, error) {
	s := smi{processes: map[int]int64{}}
	err := runSMI(ctx, spawner, func(line []string) error {
		var err error
		s.used, err = strconv.ParseInt(line[0], 10, 64)
		return err
	}, "--id=0", "--query-gpu=memory.used", "--format=csv,noheader,nounits")
	if err != nil {
		return s, err
	}
	return s, runSMI(ctx, spawner, func(line []string) error {
		if len(line) < 2 {
			return nil
		}
		pid, err := strconv.Atoi(line[0])
		if err != nil {
			return err
		}
		if mib, err := strconv.ParseInt(line[1], 10, 64); err == nil {
			s.processes[pid] = mib
		}
		return nil
	}, "--id=0", "--query-compute-apps=pid,used_memory", "--format=csv,noheader,nounits")
}

func runSMI(ctx context.Context, spawner *process.Spawner, line func([]string) error, args ...string) error {
	const name = "nvidia-smi"
	path, err := exec.LookPath(name)
	if err != nil {
		return evidence.Errorf(evidence.Unavailable, "find %s: %w", name, err)
	}
	ctx, cancel := context.WithTimeout(ctx, gpuDeadline)
	defer cancel()
	out, in, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	defer func() { _ = out.Close() }()
	p, err := spawner.Start(ctx, process.Spec{Name: name, Path: path, Args: args, Env: os.Environ(), Dir: "/", Stdout: in})
	_ = in.Close()
	if err != nil {
		return fmt.Errorf("run %s: %w", name, err)
	}
	stop := context.AfterFunc(ctx, p.Kill)
	defer stop()
	lines := bufio.NewScanner(io.LimitReader(out, 1<<20))
	for lines.Scan() {
		fields := strings.Split(lines.Text(), ",")
		for i := range fields {
			fields[i] = strings.TrimSpace(fields[i])
		}
		if err := line(fields); err != nil {
			p.Kill()
			return fmt.Errorf("%s says %q: %w", name, lines.Text(), err)
		}
	}
	if exit := p.Exit(); exit.Code != 0 {
		return fmt.Errorf("%s %s: %s", name, strings.Join(args, " "), exit)
	}
	return nil
}
