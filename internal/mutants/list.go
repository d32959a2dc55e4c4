package main

import "slices"

// rules are what CI tries: at least one mutant for each rule in SECURITY.md.
var rules = slices.Concat(
	callRules, tokenRules, keyRules, schemaRules, adapterRules, httpRules, opaqueRules, clientRules,
	revocationRules, feedRules, boundRules, proofRules, provenRules,
)

// lesserRules are tried on demand.
var lesserRules = slices.Concat(
	callDetails, tokenDetails, keyDetails, schemaDetails, adapterDetails, httpDetails, opaqueDetails, clientDetails,
	revocationDetails, feedDetails, boundDetails, proofDetails,
)
