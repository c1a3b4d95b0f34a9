// Command toxiproxy is the chaos lab's proxy server: stock Toxiproxy's flags and
// HTTP API, a data plane that can always be healed, and leases.
//
// It must not know what runs through it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"eventflow/toxiproxy/server"
)

// options are the command line: the stock server's, -allow-host, and the argument
// health.
type options struct {
	server.Config
	host, port, config string
	version, health    bool
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	f := flag.NewFlagSet("toxiproxy", flag.ContinueOnError)
	f.SetOutput(out)
	f.StringVar(&o.host, "host", "localhost", "Host for toxiproxy's API to listen on")
	f.StringVar(&o.port, "port", "8474", "Port for toxiproxy's API to listen on")
	f.StringVar(&o.config, "config", "", "JSON file containing proxies to create on startup")
	f.Int64Var(&o.Seed, "seed", time.Now().UTC().UnixNano(), "Seed for randomizing toxics with")
	f.BoolVar(&o.RuntimeMetrics, "runtime-metrics", false, `enable runtime-related prometheus metrics (default "false")`)
	f.BoolVar(&o.ProxyMetrics, "proxy-metrics", false, `enable toxiproxy-specific prometheus metrics (default "false")`)
	f.BoolVar(&o.version, "version", false, `print the version (default "false")`)
	allow := f.String("allow-host", "", "comma-separated names by which the API may be called, beside addresses and localhost")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	o.health = f.Arg(0) == "health"
	o.Hosts = append(strings.FieldsFunc(*allow, func(r rune) bool { return r == ',' }), o.host)
	return o, nil
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Getenv("LOG_LEVEL"), os.Stdout)
	if errors.Is(err, flag.ErrHelp) {
		return
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "toxiproxy:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, level string, out io.Writer) error {
	o, err := parse(args, out)
	if err != nil {
		return err
	}
	if o.version {
		fmt.Fprintf(out, "toxiproxy-server version %s\n", server.Version)
		return nil
	}
	if o.health {
		return health(ctx, o.host, o.port)
	}
	log := slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: logLevel(level)}))
	s := server.New(log, o.Config)
	defer s.Close()
	populate(s, o.config, log)
	return serve(ctx, net.JoinHostPort(o.host, o.port), s.Handler(), log)
}

// logLevel reads the stock server's names. Unset is info.
func logLevel(name string) slog.Level {
	switch strings.ToLower(name) {
	case "trace", "debug":
		return slog.LevelDebug
	case "warn":
		return slog.LevelWarn
	case "error", "fatal", "panic":
		return slog.LevelError
	case "disabled":
		return slog.LevelError + 1
	}
	return slog.LevelInfo
}

// populate reads the list of proxies. As with the stock server, a bad list is
// said and not fatal: the API is there to mend it.
func populate(s *server.Server, path string, log *slog.Logger) {
	if path == "" {
		return
	}
	file, err := os.Open(path)
	if err != nil {
		log.Error("cannot read the config file", "err", err)
		return
	}
	defer file.Close()
	proxies, err := s.Populate(file)
	if err != nil {
		log.Error("cannot take in all proxies of the config file", "config", path, "err", err)
	}
	log.Info("proxies taken from the config file", "config", path, "proxies", len(proxies))
}

// goodbye is how long requests under way may take when the server ends.
const goodbye = 2 * time.Second

func serve(ctx context.Context, addr string, h http.Handler, log *slog.Logger) error {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return fmt.Errorf("listen for the API: %w", err)
	}
	api := &http.Server{
		Handler: h, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	log.Info("the API is ready", "addr", l.Addr().String(), "version", server.Version)
	failed := make(chan error, 1)
	go func() { failed <- api.Serve(l) }()
	select {
	case err := <-failed:
		return fmt.Errorf("serve the API: %w", err)
	case <-ctx.Done():
	}
	bye, cancel := context.WithTimeout(context.Background(), goodbye)
	defer cancel()
	if err := api.Shutdown(bye); err != nil {
		return fmt.Errorf("end the API: %w", err)
	}
	return nil
}
