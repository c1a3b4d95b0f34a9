package mutants

import (
	"eventflow/scenarios/invariant"
	"eventflow/scenarios/lab"
)

// nodes are the shop's upstreams as nginx is told of them.
const nodes = `    server ${APP_1_ADDR} max_fails=3 fail_timeout=2s;
    server ${APP_2_ADDR} max_fails=3 fail_timeout=2s;
    server ${APP_3_ADDR} max_fails=3 fail_timeout=2s;
    server ${APP_1_ADDR} max_fails=0 backup;
    server ${APP_2_ADDR} max_fails=0 backup;
    server ${APP_3_ADDR} max_fails=0 backup;
`

const stale = "\treturn Read[T]{Value: found.value, Result: Stale, Age: now.Sub(found.stored) + time.Since(begun)}, nil\n"

// reading is what can be wrong with what the shop shows.
func reading() []Mutant {
	return []Mutant{
		{
			Name: "nothing-stale", ID: "M18",
			Lesson: lab.Text{
				EN: "An old answer that says how old it is beats none: a cache that only serves fresh copies goes down with its source.",
				ES: "Una respuesta vieja que dice su edad vale más que ninguna: una caché que solo sirve copias frescas cae con su fuente.",
			},
			Needs:    needs(in(readGo, stale, "\t_ = begun\n\treturn Read[T]{}, err\n")),
			Scenario: "postgres-cut", Anomaly: []string{invariant.Availability},
		},
		{
			Name: "cached-for-minutes", ID: "P4", First: true,
			Lesson: lab.Text{
				EN: "The first EventFlow kept copies for 300 s and asked nobody meanwhile: people bought what was no longer true.",
				ES: "El primer EventFlow guardaba copias 300 s sin preguntar a nadie: la gente compraba lo que ya no era verdad.",
			},
			Needs:    lab.Needs{Env: env("CACHE_FRESH", "300s")},
			Scenario: "stale-writes", Anomaly: []string{invariant.StaleBound},
		},
		{
			Name: "late-copy-wins", ID: "M19",
			Lesson: lab.Text{
				EN: "Between reading the store and writing the cache time passes: a slow reader's old copy must not replace a newer one, nor pass for new.",
				ES: "Entre leer el almacén y escribir la caché pasa tiempo: la copia vieja de un lector lento no debe reemplazar a una más nueva ni pasar por nueva.",
			},
			Needs: needs(in(cacheGo, `local at = redis.call('HGET', KEYS[1], 'stored_at')
if at and tonumber(at) >= tonumber(ARGV[1]) then return 0 end
redis.call('HSET', KEYS[1], 'stored_at', ARGV[1], 'body', ARGV[2])
`, `local t = redis.call('TIME')
redis.call('HSET', KEYS[1], 'stored_at', string.format('%.0f', t[1] * 1000 + math.floor(t[2] / 1000)), 'body', ARGV[2])
`)),
			Scenario: "stale-writes", Anomaly: []string{invariant.StaleBound},
		},
		{
			Name: "age-is-a-lie", ID: "M20",
			Lesson: lab.Text{
				EN: "A copy that is shown as new is worse than one that says its age: nobody can allow for what he is not told.",
				ES: "Una copia que se muestra como nueva es peor que una que dice su edad: nadie puede tener en cuenta lo que no le dicen.",
			},
			Needs: needs(
				in(readGo, stale, "\t_ = begun\n\treturn Read[T]{Value: found.value, Result: Hit}, nil\n"),
				in(readGo, "Result: Hit, Age: max(0, now.Sub(found.stored))", "Result: Hit"),
				in(readGo, "\tr.Age += time.Since(i.at)\n", ""),
			),
			Scenario: "stale-writes", Anomaly: []string{invariant.NoTimeTravel, invariant.StaleBound},
		},
		{
			Name: "everybody-asks", ID: "M34",
			Lesson: lab.Text{
				EN: "When a hot copy is gone, one reader must fetch it for all: two hundred at once are what brings the store down.",
				ES: "Cuando falta una copia muy pedida, un lector debe traerla para todos: doscientos a la vez son los que tumban el almacén.",
			},
			Needs: needs(
				in(readGo, "c.reads.DoChan(k.key(id), func()", "c.reads.DoChan(k.key(id)+time.Now().String(), func()"),
				in(readGo, "c.loads.DoChan(k.key(id), func()", "c.loads.DoChan(k.key(id)+time.Now().String(), func()"),
				in(readGo, "\tif !c.limit.Allow() {\n", "\tif c.limit.Burst() == 0 {\n"),
				in(mapGo, "s.draws.DoChan(strconv.Itoa(event), func()", "s.draws.DoChan(strconv.Itoa(event)+time.Now().String(), func()"),
			),
			Scenario: "hot-key-expires", Anomaly: []string{invariant.RetryBudget, invariant.Availability},
		},
		{
			Name: "nodes-shut-out", ID: "M29",
			Lesson: lab.Text{
				EN: "nginx shuts a node out after one failure, for 10 s. A few slow calls shut out all three, and then nobody is served.",
				ES: "nginx excluye un nodo tras un solo fallo, durante 10 s. Unas pocas llamadas lentas excluyen a los tres, y entonces no se atiende a nadie.",
			},
			Needs:    needs(in(edge, nodes, "    server ${APP_1_ADDR};\n    server ${APP_2_ADDR};\n    server ${APP_3_ADDR};\n")),
			Scenario: "cold-reads-hang", Anomaly: []string{invariant.Availability},
		},
	}
}

// waiting is what can be wrong with patience.
func waiting() []Mutant {
	return []Mutant{
		{
			Name: "no-redis-deadlines", ID: "M21", Gate: true,
			Lesson: lab.Text{
				EN: "A client library's defaults are patient: 3 s for an answer, four tries, and your deadline is not even looked at.",
				ES: "Los valores por defecto de una biblioteca son pacientes: 3 s por respuesta, cuatro intentos, y tu plazo ni se mira.",
			},
			Needs: needs(
				in(redisGo, "\t\tDialTimeout: o.Timeout, ReadTimeout: o.Timeout, WriteTimeout: o.Timeout,\n\t\tPoolTimeout: o.Timeout / 2, PoolSize: o.PoolSize,", "\t\tPoolSize: o.PoolSize,"),
				in(redisGo, "MaxRetries: -1, DialerRetries: 1, ContextTimeoutEnabled: true, DisableIdentity: true,", "DisableIdentity: true,"),
			),
			Scenario: "redis-hangs", Anomaly: []string{invariant.NoHang, invariant.Availability},
		},
		{
			Name: "no-postgres-deadlines", ID: "M21", Gate: true,
			Lesson: lab.Text{
				EN: "A query without a deadline waits for as long as the network is silent, and its connection with it.",
				ES: "Una consulta sin plazo espera tanto como dure el silencio de la red, y su conexión con ella.",
			},
			Needs: needs(
				in(storeGo, "\t\tctx, cancel := context.WithTimeout(ctx, limit)\n", "\t\tctx, cancel := context.WithCancel(context.WithoutCancel(ctx))\n"),
				in(usersGo, "\t\tctx, cancel := context.WithTimeout(ctx, s.writes.timeout)\n", "\t\tctx, cancel := context.WithCancel(context.WithoutCancel(ctx))\n"),
			),
			Scenario: "postgres-hangs", Anomaly: []string{invariant.NoHang, invariant.Availability},
		},
	}
}

// entering is what can be wrong at the door.
func entering() []Mutant {
	return []Mutant{
		{
			Name: "user-from-the-request", ID: "P5", First: true,
			Lesson: lab.Text{
				EN: "The first EventFlow took the user's id from the request. Whoever can write a name is then everybody.",
				ES: "El primer EventFlow tomaba el identificador del usuario de la petición. Quien sabe escribir un nombre es entonces cualquiera.",
			},
			Needs: needs(in(tokenGo, "\t_, err := v.parser.ParseWithClaims(token, &p, func(*jwt.Token) (any, error) { return v.key.key, nil })\n",
				"\t_, _, err := v.parser.ParseUnverified(token, &p) // it says who it is\n")),
			Scenario: "forged-tokens", Anomaly: []string{invariant.AuthSafety},
		},
		{
			Name: "method-from-the-token", ID: "M35",
			Lesson: lab.Text{
				EN: "A token says how it is signed. A verifier that believes it accepts \"not at all\".",
				ES: "Un token dice cómo está firmado. Un verificador que se lo cree acepta «de ninguna manera».",
			},
			Needs: needs(
				in(tokenGo, "\t\tjwt.WithValidMethods([]string{jwt.SigningMethodEdDSA.Alg()}),\n", ""),
				in(tokenGo, "func(*jwt.Token) (any, error) { return v.key.key, nil })\n",
					"func(t *jwt.Token) (any, error) {\n\t\tswitch t.Method.Alg() {\n\t\tcase \"none\":\n\t\t\treturn jwt.UnsafeAllowNoneSignatureType, nil\n\t\tcase \"HS256\":\n\t\t\treturn []byte(v.key.key), nil\n\t\t}\n\t\treturn v.key.key, nil\n\t})\n"),
			),
			Scenario: "forged-tokens", Anomaly: []string{invariant.AuthSafety},
		},
		{
			Name: "72-bytes-are-enough", ID: "M36",
			Lesson: lab.Text{
				EN: "bcrypt compares 72 bytes and Go's Compare does not say so: who knows the beginning of a long password is in.",
				ES: "bcrypt compara 72 bytes y el Compare de Go no lo dice: quien conoce el principio de una contraseña larga ya está dentro.",
			},
			Needs: needs(
				in(rulesGo, "\tif len(p) > MaxPassword {\n\t\treturn \"\", invalid(\"password has %d bytes, %d are allowed\", len(p), MaxPassword)\n\t}\n\treturn p, nil\n}\n\n// newPassword", "\treturn p, nil\n}\n\n// newPassword"),
				in(hasherGo, "\tif len(password) > MaxPassword {\n\t\treturn false, nil\n\t}\n", ""),
			),
			Scenario: "forged-tokens", Anomaly: []string{invariant.AuthSafety},
		},
		{
			Name: "tokens-of-three-seconds", ID: "X1",
			Lesson: lab.Text{
				EN: "A token is what lets people buy while nobody can log in: it must live longer than an outage.",
				ES: "El token es lo que deja comprar mientras nadie puede entrar: debe vivir más que un corte.",
			},
			Needs:    needs(in(authGo, `env:"TOKEN_TTL" default:"12h"`, `env:"TOKEN_TTL" default:"3s"`)),
			Scenario: "auth-gone", Anomaly: []string{invariant.Availability},
		},
	}
}
