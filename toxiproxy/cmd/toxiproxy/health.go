package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"time"
)

// healthPatience is how long the server may take to say that it is there.
const healthPatience = 2 * time.Second

// health asks the server that runs beside this process for its version: the health
// check of a container whose image has no shell. The API listens only when the
// proxies of the config file do. A proxy that somebody cut is no reason to be
// called sick, so no proxy is asked for.
func health(ctx context.Context, host, port string) error {
	ctx, cancel := context.WithTimeout(ctx, healthPatience)
	defer cancel()
	if ip := net.ParseIP(host); host == "" || ip.IsUnspecified() {
		host = "localhost" // who listens on every address listens there too
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+net.JoinHostPort(host, port)+"/version", nil)
	if err != nil {
		return fmt.Errorf("health: make request: %w", err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("health: %w", err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("health: %s answered %s", req.URL, answer.Status)
	}
	return nil
}
