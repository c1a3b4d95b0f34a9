package fault_test

import "net/url"

// ownerEnv makes the test binary the owner of a lease instead of a test.
const ownerEnv = "FAULT_TEST_OWNER"

func own(string) { _ = url.URL{} }
