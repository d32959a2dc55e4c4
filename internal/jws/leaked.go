package jws

// LeakedIn returns the name and version of a package with this key's private half in its source,
// or "" if none is known. Some issuers sign with such a key until they get their own, and some
// packages only imitate an issuer.
func (k *Key) LeakedIn() string { return leaked[k.Thumbprint()] }

// leaked maps a key's SHA-256 thumbprint (RFC 7638) to a package.
var leaked = map[string]string{
	"r1LkbBo3925Rb2ZFFrKyU3MVex9T2817Kx0vbi6i_Kc": "oidc-provider 9.13",
	"jS8J3RuOy291lpsiFe2NfKV6VkdfMF4Q_840qOLXAjs": "cognito-local 5.3",
	"OJ-BEp4qFTymAGKg65kIqSxBs0VlO5F30T8fRrRAYNA": "@simulacrum/auth0-simulator 0.11",
	"bP_Quj3OZt03y6CSm7q1hZE4Ss0F2epXyvd3NEE3f9E": "mock-oauth2-server 6.0",
	"vC94Nfo2Ik0lxNZDrx4bHZClSlnto6DXCJrkgcmYiOI": "mock-oauth2-server 6.0",
	"jLwKw2OkgqCSffRBkSDDviZxi_1av0iLQhg1pq7h4tg": "mock-oauth2-server 6.0",
	"PrcpQJ23aSVm5n0fzFf4mw6tG5d_2Zm9svzBosd6xOU": "mock-oauth2-server 6.0",
	"SDWQjFOOxS8BxTTmvvHstZ7Wbnb0a4GTYaV_3DdVzJs": "mock-oauth2-server 6.0",
	"3Io-o0-B-3DnOYSfR5pQIwrnYMfxlRaJ4O5P8V8Le9o": "mock-oauth2-server 6.0",
	"cVVOVAELeQlRE_yIRr2HU3-8nX2kZ4p-ZlbDWd0LKr4": "mock-oauth2-server 6.0",
	"DThM452l6A6MKX8FOZQarky5V3qqRNx2uSWRZEF_j4A": "Moto 5.3",
	"dJZnjGLXZiG0QUUuovRWdfYZ7rCmbGEnxQL9os7mGdQ": "MITREid Connect 1.3",
	"KikP8HIWMxFExJUuKXl8KOws9iLU8E7MiM8jVlJWyLI": "Casdoor 3.99",
	"DHFbpoIUqrY8t2zpA2qXfCmr5VO5ZEr4RzHU_-envvQ": "Istio 1.31",
	"tT_w9LRNrY7wJalGsTYSt7rutZi86Gvyc0EKR4CaQAw": "Istio 1.31",
	"eIesrGPOzdHqpP4HbOOE53QwvBDAEUx0IVRChfPdUZU": "UAA 77.18",
	"O-Xj2foQA5MGocF0YFQLJtP9bqYw0_AzooQMTw8yZFo": "WSO2 Carbon 4.4.15",
	"WXgaIj8ejRpLA6qkbTXXAdO_CQycptZxIKmyWz0lRXM": "WSO2 Carbon 4.4.17",
	"_JTZq8SyHgjlTzCGowL3R87hVXVjD1vhC89PBywf4cw": "WSO2 Carbon 4.5.0",
	"I1CgSyk9GokjqbEXq9Pmb0tNK6C5OWnWW1W51FYt8VE": "WSO2 Carbon 4.5.3",
	"lfbUGcwS-WSq-mCWteQKo8TY9uE7t9J-ZwFY92sfDs8": "WSO2 Carbon 4.6.3",
	"XDt-kp-2JTfgHw2VQTg5BC9IYrZ_HzfX4FfqYfyafWU": "WSO2 Carbon 4.8.0",
	"iVGjOjC8noC6SzKrDRHhdoAowou8g30bk4CmCKzyQas": "WSO2 Carbon 4.9.24",
	"hkUz0MS3PHEn7KdYTf7PxHXv7IYH2mxhDB-HFGUGnaI": "WSO2 Carbon 4.9.26",
	"kvkEelY9h7_iY8PrXZqWQ-Z6nBCDTPolQb18t2mgEA4": "WSO2 Carbon 4.9.27",
	"inloTyTXXZ3RU0T8sTjB40p4SX9RikJBNpEghTXFSB0": "WSO2 Carbon 4.9.28",
	"EFeMcRQmmp6iXnTlEyY3mXZdPoi3hdpFVpNwaocuhmU": "WSO2 Carbon 4.9.29",
	"dS6-XLjHcdy-a8Yb7W5FiouM-1tM4rIq6OjjFrqooCs": "WSO2 Carbon 4.11.2",
}
