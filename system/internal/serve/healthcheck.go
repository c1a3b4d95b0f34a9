package serve

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// healthPatience is how long a program may take to say that it is well.
const healthPatience = 2 * time.Second

// health asks the program that listens on LISTEN_ADDR for its /healthz, and needs
// nothing else of the environment. It is the health check of a container whose
// image has no shell and no other client. It returns the exit code; why the
// program is not well goes to out.
func health(lookup func(string) (string, bool), out io.Writer) int {
	ctx, cancel := context.WithTimeout(context.Background(), healthPatience)
	defer cancel()
	if err := askHealth(ctx, lookup); err != nil {
		fmt.Fprintln(out, "health:", err)
		return ExitSick
	}
	return ExitOK
}

func askHealth(ctx context.Context, lookup func(string) (string, bool)) error {
	var cfg struct {
		Addr string `env:"LISTEN_ADDR" default:"127.0.0.1:21020"`
	}
	if err := Load(&cfg, nil, lookup); err != nil {
		return err
	}
	addr, err := reachable(cfg.Addr)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/healthz", nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}} // and no proxy, whatever the environment says
	answer, err := client.Do(req)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answered %s", req.URL, answer.Status)
	}
	return nil
}

// reachable turns an address to listen on into one to call: who listens on every
// address of this machine also listens on loopback.
func reachable(listen string) (string, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return "", fmt.Errorf("LISTEN_ADDR: %w", err)
	}
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost"
	}
	return net.JoinHostPort(host, port), nil
}
