package docker

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/compose-spec/compose-go/v2/types"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/mount"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"eventflow/scenarios/stack"
	"eventflow/scenarios/stack/block"
	"eventflow/scenarios/stack/change"
	"eventflow/toxiproxy/topology"
)

// planned is a stack that has read and understood the shipped file, and started
// nothing.
func planned(t *testing.T, cfg Config) *Stack {
	t.Helper()
	s := New(cfg)
	claim, err := block.Take(t.TempDir(), s.topo, 0, false)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, claim.Release()) })
	s.claim, s.secrets = claim, stack.NewSecrets()
	source, err := change.Source("")
	require.NoError(t, err)
	require.NoError(t, s.read(t.Context(), source))
	require.NoError(t, s.understand())
	return s
}

func (s *Stack) named(t *testing.T, n topology.Name) *unit {
	t.Helper()
	for _, u := range s.units {
		if u.name == n {
			return u
		}
	}
	t.Fatalf("no unit %s", n)
	return nil
}

func TestTheShippedFileIsUnderstood(t *testing.T) {
	s := planned(t, Config{})
	assert.Len(t, s.units, len(s.topo.Services))
	assert.Len(t, s.networks, 4)
	ports := map[string]bool{}
	for _, u := range s.units {
		assert.Equal(t, container.RestartPolicyDisabled, u.host.RestartPolicy.Name, "the laboratory starts what it has killed")
		assert.True(t, u.host.ReadonlyRootfs, u.name)
		assert.Equal(t, []string{"ALL"}, u.host.CapDrop)
		assert.NotZero(t, u.host.Memory)
		assert.NotNil(t, u.config.Healthcheck)
		for _, e := range u.endpoints {
			assert.Contains(t, e.Aliases, string(u.name))
		}
		assert.Contains(t, u.endpoints, string(u.host.NetworkMode))
		for _, bound := range u.host.PortBindings {
			assert.Equal(t, block.Host, bound[0].HostIP.String())
			assert.False(t, ports[bound[0].HostPort], "port %s is given twice", bound[0].HostPort)
			ports[bound[0].HostPort] = true
		}
	}
	assert.Len(t, ports, 30, "13 listeners and 17 links")
	keeps := map[topology.Name]int{}
	for _, u := range s.units {
		keeps[u.name] = len(u.volumes)
	}
	for _, n := range []topology.Name{topology.PostgresDB, topology.RedisDB, topology.RabbitMQ} {
		assert.Equal(t, 1, keeps[n], n)
	}
}

// What is said of one service, word for word.
func TestTranslate(t *testing.T) {
	second := types.Duration(time.Second)
	retries := uint64(7)
	yes := true
	svc := types.ServiceConfig{
		Name: "redis", Restart: "always", Profiles: []string{"some"}, ContainerName: "mine",
		ContainerSpec: types.ContainerSpec{
			Image: "redis:7", Entrypoint: []string{"/run"}, Command: []string{"redis-server"}, User: "redis", Hostname: "r", WorkingDir: "/data",
			Environment: types.MappingWithEquals{"A": new("b")}, ReadOnly: true, Init: &yes, CapAdd: []string{"CHOWN"}, CapDrop: []string{"ALL"},
			SecurityOpt: []string{"no-new-privileges:true"}, ShmSize: 1, MemLimit: 2, MemReservation: 1, MemSwapLimit: 3, CPUS: 0.5, PidsLimit: 9,
			Ulimits: map[string]*types.UlimitsConfig{"nofile": {Soft: 1, Hard: 2}}, StopGracePeriod: &second, StopSignal: "SIGINT",
			Tmpfs: []string{"/tmp:size=1m"}, Logging: &types.LoggingConfig{Driver: "local", Options: types.Options{"max-size": "1m"}},
			Volumes: []types.ServiceVolumeConfig{
				{Type: "bind", Source: "/host", Target: "/here", ReadOnly: true, Bind: &types.ServiceVolumeBind{CreateHostPath: true}},
				{Type: "volume", Source: "data", Target: "/data"},
			},
			Networks: map[string]*types.ServiceNetworkConfig{"a": nil, "b": {
				Aliases: []string{"other"}, Priority: 9, LinkLocalIPs: []string{"169.254.1.1"}, MacAddress: "02:00:00:00:00:01"}},
			ExtraHosts: types.HostsList{"h": {"10.0.0.1"}},
			Labels:     types.Labels{"l": "1"},
		},
		WorkloadSpec: types.WorkloadSpec{
			DependsOn:   types.DependsOnConfig{"x": {Condition: "service_healthy", Required: true}},
			Ports:       []types.ServicePortConfig{{HostIP: "0.0.0.0", Target: 6379, Published: "21011", Protocol: "tcp", Mode: "ingress"}},
			HealthCheck: &types.HealthCheckConfig{Test: []string{"CMD", "ping"}, Interval: &second, StartInterval: &second, Retries: &retries},
		},
	}
	c, err := translate(svc, "p", map[string]int{"21011": 22011})
	require.NoError(t, err)
	port := network.MustParsePort("6379/tcp")
	one, pids := 1, int64(9)
	assert.Equal(t, container.Config{
		Image: "redis:7", Entrypoint: []string{"/run"}, Cmd: []string{"redis-server"}, User: "redis", Hostname: "r", WorkingDir: "/data",
		Env: []string{"A=b"}, StopTimeout: &one, StopSignal: "SIGINT", Labels: map[string]string{"l": "1"}, ExposedPorts: network.PortSet{port: {}},
		Healthcheck: &container.HealthConfig{Test: []string{"CMD", "ping"}, Interval: time.Second, StartInterval: time.Second, Retries: 7},
	}, c.config)
	assert.Equal(t, container.HostConfig{
		ReadonlyRootfs: true, Init: &yes, CapAdd: []string{"CHOWN"}, CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges:true"}, ShmSize: 1,
		RestartPolicy: container.RestartPolicy{Name: "no"}, Tmpfs: map[string]string{"/tmp": "size=1m"}, NetworkMode: "p_b", ExtraHosts: []string{"h:10.0.0.1"},
		LogConfig: container.LogConfig{Type: "local", Config: map[string]string{"max-size": "1m"}},
		Mounts: []mount.Mount{
			{Type: mount.TypeBind, Source: "/host", Target: "/here", ReadOnly: true},
			{Type: mount.TypeVolume, Source: "p_data", Target: "/data"},
		},
		PortBindings: network.PortMap{port: {binding(22011)}},
		Resources: container.Resources{Memory: 2, MemoryReservation: 1, MemorySwap: 3, NanoCPUs: 5e8, PidsLimit: &pids,
			Ulimits: []*container.Ulimit{{Name: "nofile", Soft: 1, Hard: 2}}},
	}, c.host)
	assert.Equal(t, map[string]*network.EndpointSettings{"p_a": {Aliases: []string{"redis"}}, "p_b": {
		Aliases: []string{"redis", "other"}, MacAddress: network.HardwareAddr{2, 0, 0, 0, 0, 1},
		IPAMConfig: &network.EndpointIPAMConfig{LinkLocalIPs: []netip.Addr{netip.MustParseAddr("169.254.1.1")}},
	}}, c.endpoints)
}

// understood are the fields of a service that translate knows what to do with. A
// field that compose gets one day is not among them, and so is an error.
var understood = strings.Fields(`name profiles restart container_name image build pull_policy depends_on cap_add cap_drop command cpus cpu_shares cpuset
	deploy entrypoint environment expose extra_hosts group_add healthcheck hostname init labels logging mem_limit mem_reservation memswap_limit networks pids_limit
	ports read_only security_opt shm_size stop_grace_period stop_signal tmpfs ulimits user volumes working_dir`)

func TestWhatIsNotUnderstoodIsAnError(t *testing.T) {
	var known []string
	for _, f := range fields(reflect.TypeFor[types.ServiceConfig](), nil) {
		var svc types.ServiceConfig
		v := reflect.ValueOf(&svc).Elem().FieldByIndex(f.Index)
		if !fill(v) {
			t.Fatalf("no value for %s of type %s", f.Name, f.Type)
		}
		name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if _, err := translate(svc, "p", nil); err == nil || !strings.Contains(err.Error(), name+" is not understood") {
			known = append(known, name)
		}
	}
	slices.Sort(known)
	assert.Equal(t, slices.Sorted(slices.Values(understood)), known)
}

// fields are all fields of a service that its file can name.
func fields(in reflect.Type, above []int) []reflect.StructField {
	var all []reflect.StructField
	for i := range in.NumField() {
		f := in.Field(i)
		f.Index = append(slices.Clone(above), i)
		switch {
		case f.Anonymous:
			all = append(all, fields(f.Type, f.Index)...)
		case f.Name != "Extensions" && f.Tag.Get("yaml") != "-":
			all = append(all, f)
		}
	}
	return all
}

// fill puts something other than nothing into the field.
func fill(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Bool:
		v.SetBool(true)
	case reflect.String:
		v.SetString("x")
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint32:
		v.SetUint(1)
	case reflect.Float32:
		v.SetFloat(1)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 1, 1))
	case reflect.Map:
		m := reflect.MakeMap(v.Type())
		m.SetMapIndex(reflect.ValueOf("x").Convert(v.Type().Key()), reflect.New(v.Type().Elem()).Elem())
		if v.Type().Elem().Kind() == reflect.Pointer {
			m.SetMapIndex(reflect.ValueOf("x"), reflect.New(v.Type().Elem().Elem()))
		}
		v.Set(m)
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
	default:
		return false
	}
	return true
}

// The same below a service's own fields.
func TestDetailsThatAreNotUnderstoodAreErrors(t *testing.T) {
	for says, change := range map[string]func(*types.ServiceConfig){
		"environment A has no value": func(c *types.ServiceConfig) { c.Environment = types.MappingWithEquals{"A": nil} },
		"healthcheck disable":        func(c *types.ServiceConfig) { c.HealthCheck = &types.HealthCheckConfig{Disable: true} },
		"security_opt seccomp=file":  func(c *types.ServiceConfig) { c.SecurityOpt = []string{"seccomp=file"} },
		"volume /pipe of type npipe": func(c *types.ServiceConfig) {
			c.Volumes = []types.ServiceVolumeConfig{{Type: "npipe", Target: "/pipe"}}
		},
		"volume /data nocopy": func(c *types.ServiceConfig) {
			c.Volumes = []types.ServiceVolumeConfig{{Type: "volume", Target: "/data", Volume: &types.ServiceVolumeVolume{NoCopy: true}}}
		},
		"volume /data propagation": func(c *types.ServiceConfig) {
			c.Volumes = []types.ServiceVolumeConfig{{Type: "bind", Target: "/data", Bind: &types.ServiceVolumeBind{Propagation: "shared"}}}
		},
		"volume /data mode": func(c *types.ServiceConfig) {
			c.Volumes = []types.ServiceVolumeConfig{{Type: "tmpfs", Target: "/data", Tmpfs: &types.ServiceVolumeTmpfs{Mode: 1}}}
		},
		"volume /data consistency": func(c *types.ServiceConfig) {
			c.Volumes = []types.ServiceVolumeConfig{{Type: "bind", Target: "/data", Consistency: "cached"}}
		},
		"network a ipv4_address": func(c *types.ServiceConfig) {
			c.Networks = map[string]*types.ServiceNetworkConfig{"a": {Ipv4Address: "10.0.0.1"}}
		},
		"port 4711:80 is on no map": func(c *types.ServiceConfig) {
			c.Ports = []types.ServicePortConfig{{Target: 80, Published: "4711", Protocol: "tcp"}}
		},
		"port 21011 app_protocol": func(c *types.ServiceConfig) {
			c.Ports = []types.ServicePortConfig{{Target: 80, Published: "21011", Protocol: "tcp", AppProtocol: "x"}}
		},
		"deploy resources": func(c *types.ServiceConfig) {
			c.Deploy = &types.DeployConfig{Resources: types.Resources{Limits: &types.Resource{Pids: 1}}}
		},
		"depends_on x: condition service_comple": func(c *types.ServiceConfig) {
			c.DependsOn = types.DependsOnConfig{"x": {Condition: "service_completed_successfully"}}
		},
		"depends_on x restart": func(c *types.ServiceConfig) {
			c.DependsOn = types.DependsOnConfig{"x": {Condition: "service_started", Restart: true}}
		},
	} {
		t.Run(says, func(t *testing.T) {
			var svc types.ServiceConfig
			change(&svc)
			_, err := translate(svc, "p", moved(topology.EventFlow(), topology.Block{Base: 22000}))
			assert.ErrorContains(t, err, says)
		})
	}
	tr := translator{project: "p"}
	tr.network("n", types.NetworkConfig{Driver: "bridge", Internal: true, Ipam: types.IPAMConfig{Driver: "x"}})
	tr.volume("v", types.VolumeConfig{Driver: "local", External: true})
	require.Len(t, tr.errs, 2)
	assert.ErrorContains(t, tr.errs[0], "network n ipam is not understood")
	assert.ErrorContains(t, tr.errs[1], "volume v external is not understood")
}

func TestServicesOfTheFileAndOfTheMap(t *testing.T) {
	m := topology.EventFlow()
	services := func() types.Services { return maps.Clone(planned(t, Config{}).plan.Services) }
	for says, change := range map[string]func(types.Services){
		"service redis is missing":                      func(s types.Services) { delete(s, "redis") },
		"service extra is on no map and has no profile": func(s types.Services) { s["extra"] = types.ServiceConfig{} },
		"service redis depends on extra, which is on no map": func(s types.Services) {
			redis := s["redis"]
			redis.DependsOn = types.DependsOnConfig{"extra": {}}
			s["redis"] = redis
		},
	} {
		s := services()
		change(s)
		p := plan{Project: &types.Project{Services: s}, built: map[string]string{}}
		assert.ErrorContains(t, p.choose(m), says)
	}
}

func TestSettingsReachTheCommandLine(t *testing.T) {
	s := planned(t, Config{Settings: map[topology.Name]map[string]string{
		topology.PostgresDB: {"fsync": "off"},
		topology.RedisDB:    {"save": `"60 1" 5`, "maxclients": "123"},
		topology.RabbitMQ:   {"channel_max": "77", "quorum_tick_interval": "1000", "vm_memory_high_watermark": "{absolute, 5}"},
	}})
	tail := func(words []string, n int) []string { return words[len(words)-n:] }
	assert.Equal(t, []string{"-c", "fsync=off"}, tail(s.named(t, topology.PostgresDB).config.Cmd, 2))
	assert.Equal(t, []string{"--maxclients", "123", "--save", "60 1", "5"}, tail(s.named(t, topology.RedisDB).config.Cmd, 5))
	var rabbit string
	for _, v := range s.named(t, topology.RabbitMQ).config.Env {
		if name, value, _ := strings.Cut(v, "="); name == erlangArguments {
			rabbit = value
		}
	}
	assert.Equal(t, 1, strings.Count(rabbit, "quorum_tick_interval"), rabbit)
	assert.Equal(t, 1, strings.Count(rabbit, "vm_memory_high_watermark"), rabbit)
	for _, word := range []string{"-rabbit channel_max 77", "-rabbit quorum_tick_interval 1000", "-rabbit vm_memory_high_watermark {absolute,5}", "-rabbit disk_free_limit"} {
		assert.Contains(t, rabbit, word)
	}
	for _, bad := range []string{"a\tb", `"a"`} {
		assert.Error(t, setRabbit(&types.ServiceConfig{}, "x", bad))
	}
	_, err := redisWords(`"open`)
	assert.Error(t, err)
}

func TestEndingsInWords(t *testing.T) {
	assert.EqualError(t, ending(0, false), "exit status 0")
	assert.EqualError(t, ending(137, false), "exit status 137: signal: killed")
	assert.EqualError(t, ending(137, true), "exit status 137: out of memory")
	assert.EqualError(t, ending(255, false), "exit status 255")
}

// Whoever starts next clears up after the dead, and leaves the living alone.
func TestSweepOfTheDeadAlone(t *testing.T) {
	run := t.TempDir()
	alive, err := block.Take(run, topology.EventFlow(), 0, false)
	require.NoError(t, err)
	dead := filepath.Join(run, "31000"+ours)
	for _, dir := range []string{dead, alive.Dir() + ours} {
		require.NoError(t, os.MkdirAll(filepath.Join(dir, "log"), 0o755))
	}
	require.NoError(t, sweep(run))
	assert.NoDirExists(t, dead)
	assert.DirExists(t, alive.Dir()+ours)
	require.NoError(t, alive.Release())
	require.NoError(t, sweep(run))
	left, err := os.ReadDir(run)
	require.NoError(t, err)
	assert.Empty(t, left)
}
