package main

// The policy in the schema.
var schemas = home{"interceptor/schema", []string{"interceptor/schema"}}

var schemaRules = []mutant{
	{"options that cannot be read are none", schemas, "optionOf", never(`err != nil`)},
	{"options of our number and another type are none", schemas, "hasUnknown", never(`n == number`)},
	{"fields of a newer option are ignored", schemas, "validate", never(`len(option.ProtoReflect().GetUnknown()) > 0`)},
	{"an access of a newer option is public", schemas, "accessOf",
		in(`default`, become(`return 0, fmt.Errorf("its option has an access that this version of oidcrpc does not know: %d", access)`,
			`_ = fmt.Errorf; return interceptor.AccessPublic, nil`))},
	{"an option softens a service's explicit rule", schemas, "Policy", become(`return ok`, `return ok && false`)},
	{"a public option may have requirements", schemas, "ruleOf", never(`access == interceptor.AccessPublic`)},
}

var schemaDetails = []mutant{
	{"options that our own code doesn't know are overlooked", schemas, "optionOf",
		become(`proto.HasExtension(options, extension)`, `proto.HasExtension(descriptor.Options(), extension)`)},
	{"options that were not interpreted are none", schemas, "optionOf", never(`len(options.GetUninterpretedOption()) > 0`)},
	{"an option may say nothing", schemas, "validate", never(`proto.Size(option) == 0`)},
	{"an empty max_age asks for nothing", schemas, "validate", become(`age.GetSeconds() <= 0`, `age.GetSeconds() < 0`)},
	{"a denied option may have requirements", schemas, "ruleOf", never(`access == interceptor.AccessDenied`)},
	{"an option may ask what no token has", schemas, "ruleOf", become(`require.Validate()`, `nil`)},
	{"an option's acr_values are dropped", schemas, "ruleOf", become(`option.GetAcrValues()`, `nil`)},
	{"an option softens the explicit rule of everything", schemas, "Policy", never(`rule.Access != interceptor.AccessDenied`)},
	{"a service may be in two files", schemas, "policyOf", skip(`paths[service.FullName()] = file.Path()`)},
	{"files that were not found have no options", schemas, "policyOf", never(`file.IsPlaceholder()`)},
}
