/* vectors.h - signatures and keys made by others.
 * rfc_vectors: the examples of RFC 7515 appendix A, RFC 7520 §4 and RFC 8037 appendix A.
 * request_vectors: ACME requests that Python's jwcrypto 1.6.1 signed with keys of its own
 * (JWK.generate, JWS.add_signature with a protected header as RFC 8555 §6.2 has it, serialize; the
 * "kid" ones written with json.dumps(indent=2), as certbot does); thumbprints are jwcrypto's too. */
#ifndef ASSAY_TEST_ACME_VECTORS_H
#define ASSAY_TEST_ACME_VECTORS_H

struct rfc_vector {
	const char *name, *alg, *jwk, *protected, *payload, *signature, *thumbprint;
};

static const struct rfc_vector rfc_vectors[] = {
	{
		.name = "RFC 7515 A.2",
		.alg = "RS256",
		.jwk = "{\"kty\":\"RSA\",\"n\":\"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mP"
		"ddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b326"
		"90r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa"
		"2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9"
		"_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ\",\"e\":\"AQAB\"}",
		.protected = "eyJhbGciOiJSUzI1NiJ9",
		.payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y"
		"b290Ijp0cnVlfQ",
		.signature = "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF"
		"5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK"
		"5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqt"
		"FZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrB"
		"p0igcN_IoypGlUPQGe77Rw",
		.thumbprint = "IsUn6_e04MaShXFIISMp4kG62LWzMIPy_MvSA5pJgX8",
	},
	{
		.name = "RFC 7515 A.3",
		.alg = "ES256",
		.jwk = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPH"
		"vRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}",
		.protected = "eyJhbGciOiJFUzI1NiJ9",
		.payload = "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19y"
		"b290Ijp0cnVlfQ",
		.signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-K"
		"g6NU1Q",
		.thumbprint = "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
	},
	{
		.name = "RFC 7515 A.4",
		.alg = "ES512",
		.jwk = "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AekpBQ8ST8a8VcfVOTNl353vSrDCLLJXmPk06w"
		"TjxrrjcBpXp5EOnYG_NjFZ6OvLFV1jSfS9tsz4qUxcWceqwQGk\",\"y\":\"ADSmRA43Z1DSNx_RvcL"
		"I87cdL07l6jQyyBXMoxVg_l2Th-x3S1WDhjDly79ajL4Kkd0AZMaZmh9ubmf63e3kyMj2\"}",
		.protected = "eyJhbGciOiJFUzUxMiJ9",
		.payload = "UGF5bG9hZA",
		.signature = "AdwMgeerwtHoh-l192l60hp9wAHZFVJbLfD_UxMi70cwnZOYaRI1bKPWROc-mZZqwqT2SI-KGDKB34XO"
		"0aw_7XdtAG8GaSwFKdCAPZgoXD2YBJZCPEX3xKpRwcdOO8KpEHwJjyqOgzDO7iKvU8vcnwNrmxYbSW9E"
		"RBXukOXolLzeO_Jn",
		.thumbprint = "u5YUSjQ2-2chBi51NSk3t3g7IM4o2KYcnPqPtCNGd3U",
	},
	{
		.name = "RFC 8037 A.4",
		.alg = "EdDSA",
		.jwk = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwI"
		"aaPcHURo\"}",
		.protected = "eyJhbGciOiJFZERTQSJ9",
		.payload = "RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc",
		.signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_M"
		"uM0KAg",
		.thumbprint = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
	},
	{
		.name = "RFC 7520 §4.1",
		.alg = "RS256",
		.jwk = "{\"kty\":\"RSA\",\"n\":\"n4EPtAOCc9AlkeQHPzHStgAbgs7bTZLwUBZdR8_KuKPEHLd4rHVTeT-"
		"O-XV2jRojdNhxJWTDvNd7nqQ0VEiZQHz_AJmSCpMaJMRBSFKrKb2wqVwGU_NsYOYL-QtiWN2lbzcEe6X"
		"C0dApr5ydQLrHqkHHig3RBordaZ6Aj-oBHqFEHYpPe7Tpe-OfVfHd1E6cS6M1FZcD1NNLYD5lFHpPI9b"
		"TwJlsde3uhGqC0ZCuEHg8lhzwOHrtIQbS0FVbb9k3-tVTU4fg_3L_vniUFAKwuCLqKnS2BYwdq_mzSnb"
		"LY7h_qixoR7jig3__kRhuaxwUkRz5iaiQkqgc5gHdrNP5zw\",\"e\":\"AQAB\"}",
		.protected = "eyJhbGciOiJSUzI1NiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
		.payload = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91"
		"IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXi"
		"gJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4",
		.signature = "MRjdkly7_-oTPTS3AXP41iQIGKa80A0ZmTuV5MEaHoxnW2e5CZ5NlKtainoFmKZopdHM1O2U4mwzJdQx"
		"996ivp83xuglII7PNDi84wnB-BDkoBwA78185hX-Es4JIwmDLJK3lfWRa-XtL0RnltuYv746iYTh_qHR"
		"D68BNt1uSNCrUCTJDt5aAE6x8wW1Kt9eRo4QPocSadnHXFxnt8Is9UzpERV0ePPQdLuW3IS_de3xyIrD"
		"aLGdjluPxUAhb6L2aXic1U12podGU0KLUQSE_oI-ZnmKJ3F4uOZDnd6QZWJushZ41Axf_fcIe8u9ipH8"
		"4ogoree7vjbU5y18kDquDg",
		.thumbprint = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI",
	},
	{
		.name = "RFC 7520 §4.3",
		.alg = "ES512",
		.jwk = "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AHKZLLOsCOzz5cY97ewNUajB957y-C-U88c3v1"
		"3nmGZx6sYl_oJXu9A5RkTKqjqvjyekWF-7ytDyRXYgCF5cj0Kt\",\"y\":\"AdymlHvOiLxXkEhayXQ"
		"nNCvDX4h9htZaCJN34kfmC6pV5OhQHiraVySsUdaQkAgDPrwQrJmbnX9cwlGfP-HqHZR1\"}",
		.protected = "eyJhbGciOiJFUzUxMiIsImtpZCI6ImJpbGJvLmJhZ2dpbnNAaG9iYml0b24uZXhhbXBsZSJ9",
		.payload = "SXTigJlzIGEgZGFuZ2Vyb3VzIGJ1c2luZXNzLCBGcm9kbywgZ29pbmcgb3V0IHlvdXIgZG9vci4gWW91"
		"IHN0ZXAgb250byB0aGUgcm9hZCwgYW5kIGlmIHlvdSBkb24ndCBrZWVwIHlvdXIgZmVldCwgdGhlcmXi"
		"gJlzIG5vIGtub3dpbmcgd2hlcmUgeW91IG1pZ2h0IGJlIHN3ZXB0IG9mZiB0by4",
		.signature = "AE_R_YZCChjn4791jSQCrdPZCNYqHXCTZH0-JZGYNlaAjP2kqaluUIIUnC9qvbu9Plon7KRTzoNEuT4V"
		"a2cmL1eJAQy3mtPBu_u_sDDyYjnAMDxXPn7XrT0lw-kvAD890jl8e2puQens_IEKBpHABlsbEPX6sFY8"
		"OcGDqoRuBomu9xQ2",
		.thumbprint = "dHri3SADZkrush5HU_50AoRhcKFryN-PI6jPBtPL55M",
	},
};

/* RFC 7638 §3.1 */
#define RFC7638_JWK "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbb" \
	"fAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n" \
	"9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgd" \
	"AZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINH" \
	"aQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\"}"
#define RFC7638_THUMBPRINT "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"

struct request_vector {
	const char *alg, *jwk, *thumbprint;
	const char *with_jwk; /* newAccount */
	const char *with_kid; /* POST-as-GET, indented */
};

static const struct request_vector request_vectors[] = {
	{
		.alg = "ES256",
		.jwk = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"5nmiVUc3t8RSQy19P-Y2BR8RMeFywNkJNoAItN"
		"vshwU\",\"y\":\"AVmkxwb0gX-scHd-cwHG7azv5_T3VyUTeKVXnSJsO2Y\"}",
		.thumbprint = "CwDwqKnAEIAxh1m7uLKPX7v-Oyd-Fr_XOmeie-F_0jc",
		.with_jwk = "{\"protected\": \"eyJhbGciOiAiRVMyNTYiLCAiandrIjogeyJrdHkiOiAiRUMiLCAiY3J2IjogIl"
		"AtMjU2IiwgIngiOiAiNW5taVZVYzN0OFJTUXkxOVAtWTJCUjhSTWVGeXdOa0pOb0FJdE52c2h3VSIsIC"
		"J5IjogIkFWbWt4d2IwZ1gtc2NIZC1jd0hHN2F6djVfVDNWeVVUZUtWWG5TSnNPMlkifSwgIm5vbmNlIj"
		"ogImJtOXVZMlUiLCAidXJsIjogImh0dHBzOi8vY2EuZXhhbXBsZS9hY21lL25ldy1hY2NvdW50In0\","
		" \"payload\": \"eyJ0ZXJtc09mU2VydmljZUFncmVlZCI6dHJ1ZX0\", \"signature\": \"NWi-"
		"816CvtFmJXU7ixSQ2pNHifQDWTjPdw8VLo9zzNRd3F1xNiJPAA2iY1kcnnePSlVgmRA1JH6sWezlU4r-"
		"2A\"}",
		.with_kid = "{\n  \"protected\": \"ewogICJhbGciOiAiRVMyNTYiLAogICJraWQiOiAiaHR0cHM6Ly9jYS5leG"
		"FtcGxlL2FjbWUvYWNjb3VudC8xIiwKICAibm9uY2UiOiAiYm05dVkyVSIsCiAgInVybCI6ICJodHRwcz"
		"ovL2NhLmV4YW1wbGUvYWNtZS9vcmRlci8xIgp9\",\n  \"payload\": \"\",\n  \"signature\""
		": \"TkYehgb1b5AiyAOvw1dCQxGG0Uca9ZUxakf5E9aJyeN2-h14ANOnlKz64o-WgvRqd-vyKfRsNFZv"
		"7rJslulUfw\"\n}",
	},
	{
		.alg = "ES384",
		.jwk = "{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"yy3_PsCUnlGhbVOsMijlhHIz9bIA-h23Z2_UVZ"
		"cAKV9gmgPaa_cxOEvwVuJdR-JY\",\"y\":\"42quW-UeWO69oPZpQJVUWOl9IUGQOPUYQucxwuonY8V"
		"OUpreIw5cr3XcpPm3dNtz\"}",
		.thumbprint = "YMTNjl_vqBlYzcFpyWPGsU9Qmj6QT8Q5GZpvWZOmscg",
		.with_jwk = "{\"protected\": \"eyJhbGciOiAiRVMzODQiLCAiandrIjogeyJrdHkiOiAiRUMiLCAiY3J2IjogIl"
		"AtMzg0IiwgIngiOiAieXkzX1BzQ1VubEdoYlZPc01pamxoSEl6OWJJQS1oMjNaMl9VVlpjQUtWOWdtZ1"
		"BhYV9jeE9FdndWdUpkUi1KWSIsICJ5IjogIjQycXVXLVVlV082OW9QWnBRSlZVV09sOUlVR1FPUFVZUX"
		"VjeHd1b25ZOFZPVXByZUl3NWNyM1hjcFBtM2ROdHoifSwgIm5vbmNlIjogImJtOXVZMlUiLCAidXJsIj"
		"ogImh0dHBzOi8vY2EuZXhhbXBsZS9hY21lL25ldy1hY2NvdW50In0\", \"payload\": \"eyJ0ZXJt"
		"c09mU2VydmljZUFncmVlZCI6dHJ1ZX0\", \"signature\": \"NoQGktOhq6qBYz1BRXT6p87yCijt"
		"utxsAyut21BF29KpMGa0H6vRcaCtvOC9_LKIcdb9wZrXY8UMunmYhHYp7wWu41Rt-rLfqBrn6vX97UWC"
		"l8l4FXbMXnw9ihsmSPwX\"}",
		.with_kid = "{\n  \"protected\": \"ewogICJhbGciOiAiRVMzODQiLAogICJraWQiOiAiaHR0cHM6Ly9jYS5leG"
		"FtcGxlL2FjbWUvYWNjb3VudC8xIiwKICAibm9uY2UiOiAiYm05dVkyVSIsCiAgInVybCI6ICJodHRwcz"
		"ovL2NhLmV4YW1wbGUvYWNtZS9vcmRlci8xIgp9\",\n  \"payload\": \"\",\n  \"signature\""
		": \"tD4mZaTM72nKwd62WCI3KvJY9nGTyXYGoHNMq33LbXuKg7p10D9jrTSUEBSEK9Z6p8JROTbbDew-"
		"FnWdssXcB8IKny3JcjoGoe048juTuo8VzWcg1ZBUZep_vl4glgnm\"\n}",
	},
	{
		.alg = "ES512",
		.jwk = "{\"kty\":\"EC\",\"crv\":\"P-521\",\"x\":\"AJ_iVvhnOztck7eIEp86hOF97IKGaSbc91bgCV"
		"-lgH7Dun5ipu2XZkgBFMUudnZLBw1EUh7L3AaeMsuudYuRN5Vi\",\"y\":\"AXsJldOYjgsvv30puMs"
		"b58SNy-pj0A1GtkWgpnuVhl4OZzaR6W_XMrc-3IwbClS-BgT9_q-kACjdrB-Zp04UTOMr\"}",
		.thumbprint = "OhQ10Olpakc9qViA5kI-xfmGGLyNaxJb99OuweCSZMo",
		.with_jwk = "{\"protected\": \"eyJhbGciOiAiRVM1MTIiLCAiandrIjogeyJrdHkiOiAiRUMiLCAiY3J2IjogIl"
		"AtNTIxIiwgIngiOiAiQUpfaVZ2aG5PenRjazdlSUVwODZoT0Y5N0lLR2FTYmM5MWJnQ1YtbGdIN0R1bj"
		"VpcHUyWFprZ0JGTVV1ZG5aTEJ3MUVVaDdMM0FhZU1zdXVkWXVSTjVWaSIsICJ5IjogIkFYc0psZE9Zam"
		"dzdnYzMHB1TXNiNThTTnktcGowQTFHdGtXZ3BudVZobDRPWnphUjZXX1hNcmMtM0l3YkNsUy1CZ1Q5X3"
		"Eta0FDamRyQi1acDA0VVRPTXIifSwgIm5vbmNlIjogImJtOXVZMlUiLCAidXJsIjogImh0dHBzOi8vY2"
		"EuZXhhbXBsZS9hY21lL25ldy1hY2NvdW50In0\", \"payload\": \"eyJ0ZXJtc09mU2VydmljZUFn"
		"cmVlZCI6dHJ1ZX0\", \"signature\": \"Adsd5LLlg-i9_EkDQpPdJSS9AhHxBlFOyv895L-dY3mm"
		"rhXPeXlD_hLyA29Aw_hOk9_tmLRdARKeXc1gauIOW3JuAdlZNQM7D3MrHDZM51xuLdSKlr7G2ejkwUs9"
		"TrvJz5oIEZ9ROpftxZxmZuB9nFEkEmSfBtJqjXWdYpOOzRI8AQWL\"}",
		.with_kid = "{\n  \"protected\": \"ewogICJhbGciOiAiRVM1MTIiLAogICJraWQiOiAiaHR0cHM6Ly9jYS5leG"
		"FtcGxlL2FjbWUvYWNjb3VudC8xIiwKICAibm9uY2UiOiAiYm05dVkyVSIsCiAgInVybCI6ICJodHRwcz"
		"ovL2NhLmV4YW1wbGUvYWNtZS9vcmRlci8xIgp9\",\n  \"payload\": \"\",\n  \"signature\""
		": \"AfHpL4k-wN0laqJSMOI9oltD_kWYCQ9IKdY1Khlcy7xoRj4XIOrdJ23CsmmdI7NtmqgjBdfeDNbP"
		"PnHEz6bV8BiYAVZEWyqU36h2rWkpC8AWpNuHGnJ-VsJeAnvxdqpB7pQ6uiF9VxeOhCQXCDzPCUcHqgsZ"
		"F1EChsYAGpsjifTp_yyO\"\n}",
	},
	{
		.alg = "RS256",
		.jwk = "{\"kty\":\"RSA\",\"n\":\"tro37goTuoziu_hNheDuMdMC8lx3o5iDti6UZguz0RJShAZWONNz0_3"
		"_cJdLb7J3WczHSQE-o2J7hqQ-Adk0zC7cjrDh9JYLai6Rqx5jwYKAZZ7sVFFLLmFfrYYbqME_SdsPFdc"
		"gwyHuKdAGB46SKtaat3ngeDrYmrqG3rBjx85v-of9Mq28fKOoTLP1wMQeJ4kL7naT5O0oO5ATohEVe-z"
		"xCNN9cHROhctKwb1fnX9lB5jQgIj_LQ8C0FRv-S0OtU8t9W93nuTDNzmuK3dTjy4CgknrQMa6UlKtnMD"
		"ByFg616jJxVYHDud_rcneRfDrzJUhH3iuLCZimhgsPmLCrw\",\"e\":\"AQAB\"}",
		.thumbprint = "E0EBezB1Q66fVxEXsSOkNX3ST7aSXDTclUSKxUuweug",
		.with_jwk = "{\"protected\": \"eyJhbGciOiAiUlMyNTYiLCAiandrIjogeyJrdHkiOiAiUlNBIiwgIm4iOiAidH"
		"JvMzdnb1R1b3ppdV9oTmhlRHVNZE1DOGx4M281aUR0aTZVWmd1ejBSSlNoQVpXT05OejBfM19jSmRMYj"
		"dKM1djekhTUUUtbzJKN2hxUS1BZGswekM3Y2pyRGg5SllMYWk2UnF4NWp3WUtBWlo3c1ZGRkxMbUZmcl"
		"lZYnFNRV9TZHNQRmRjZ3d5SHVLZEFHQjQ2U0t0YWF0M25nZURyWW1ycUczckJqeDg1di1vZjlNcTI4Zk"
		"tPb1RMUDF3TVFlSjRrTDduYVQ1TzBvTzVBVG9oRVZlLXp4Q05OOWNIUk9oY3RLd2IxZm5YOWxCNWpRZ0"
		"lqX0xROEMwRlJ2LVMwT3RVOHQ5VzkzbnVURE56bXVLM2RUank0Q2drbnJRTWE2VWxLdG5NREJ5Rmc2MT"
		"ZqSnhWWUhEdWRfcmNuZVJmRHJ6SlVoSDNpdUxDWmltaGdzUG1MQ3J3IiwgImUiOiAiQVFBQiJ9LCAibm"
		"9uY2UiOiAiYm05dVkyVSIsICJ1cmwiOiAiaHR0cHM6Ly9jYS5leGFtcGxlL2FjbWUvbmV3LWFjY291bn"
		"QifQ\", \"payload\": \"eyJ0ZXJtc09mU2VydmljZUFncmVlZCI6dHJ1ZX0\", \"signature\":"
		" \"MTr3nc7NrvPCNdSQQ7Qa_r-E2pcdNjxJiHGi_kHxvAOl8K-5f0MSgtRiiIZc1BlhCPUKzm8zePFtp"
		"VUW4AbwAO7LEZWV-pUCEpTcRwnxZoQvUBoHeopwy9SxwMnIcnF0iA2GQOOSleN2aYOqyYMFXzoOQjD-z"
		"c3yAIct92aTsRGpJkHKYbQcJdSiotQV_SvoRFnWZP6SHGU0Yo5cerBS24ePCG9lYWlEDLk5g7lK9U9y9"
		"o5-FuyYuacbN6OYxJBWAAMGhlLq-pk5GjfyGdUTxkAGPeON7Uie8a0d7th1vVSbSYjB81o0YB_PW73V6"
		"BfO6tR9HrYieJn6HedvKrFFIQ\"}",
		.with_kid = "{\n  \"protected\": \"ewogICJhbGciOiAiUlMyNTYiLAogICJraWQiOiAiaHR0cHM6Ly9jYS5leG"
		"FtcGxlL2FjbWUvYWNjb3VudC8xIiwKICAibm9uY2UiOiAiYm05dVkyVSIsCiAgInVybCI6ICJodHRwcz"
		"ovL2NhLmV4YW1wbGUvYWNtZS9vcmRlci8xIgp9\",\n  \"payload\": \"\",\n  \"signature\""
		": \"npD-iRjGEE-TjQ_VuCR_RPeHSiFmo-n6zCbOjo95hYhhhhK-bMCsvsnBf_BFBpkKSKvBdQ8KF9U_"
		"8AGyjBJ7WslIPhPJDNBv0bJLduQmJJxvCeJyqpXaYG1q63Umv_EbIe8l-Pz4LLaXOzBbO06ZAJ3uc54d"
		"kvd-rxsjYekgxT1LSAQy-CWJq0gEmiB4-NdEfiKGovxKgWYJ_Kcm_gdEZ22FGr00b9NVRb8XPRJZJLqU"
		"wLpUK76amU1ZnSgSiimPtkLwy0YshmWPC2HdI1pRIQxYNpfVU-lsaCHlDCTcr8cs_OZYJki10KNt6FgV"
		"ttNB_Z-saPZxmA50BDnJqaBbhA\"\n}",
	},
	{
		.alg = "EdDSA",
		.jwk = "{\"kty\":\"OKP\",\"crv\":\"Ed25519\",\"x\":\"80pFSqvMDuYkEQO0J-deRIwiOEMq2Tdg4uo"
		"kK5jQkrs\"}",
		.thumbprint = "h9sVJl0qxHMOEkn4AWPX0o0ozkjQbxRzzH5HW63UEYI",
		.with_jwk = "{\"protected\": \"eyJhbGciOiAiRWREU0EiLCAiandrIjogeyJrdHkiOiAiT0tQIiwgImNydiI6IC"
		"JFZDI1NTE5IiwgIngiOiAiODBwRlNxdk1EdVlrRVFPMEotZGVSSXdpT0VNcTJUZGc0dW9rSzVqUWtycy"
		"J9LCAibm9uY2UiOiAiYm05dVkyVSIsICJ1cmwiOiAiaHR0cHM6Ly9jYS5leGFtcGxlL2FjbWUvbmV3LW"
		"FjY291bnQifQ\", \"payload\": \"eyJ0ZXJtc09mU2VydmljZUFncmVlZCI6dHJ1ZX0\", \"sign"
		"ature\": \"M180v9lP4Uj-8_t9azgsUnn6JNgSUwemZ4Z9XbCusCbZwDqmLkfT1veCevIjDDAdc5HdE"
		"dE5nmC2gd0P24DOBw\"}",
		.with_kid = "{\n  \"protected\": \"ewogICJhbGciOiAiRWREU0EiLAogICJraWQiOiAiaHR0cHM6Ly9jYS5leG"
		"FtcGxlL2FjbWUvYWNjb3VudC8xIiwKICAibm9uY2UiOiAiYm05dVkyVSIsCiAgInVybCI6ICJodHRwcz"
		"ovL2NhLmV4YW1wbGUvYWNtZS9vcmRlci8xIgp9\",\n  \"payload\": \"\",\n  \"signature\""
		": \"4hoYuaw0-imwsXQK2_xpESgOaUXRVGUqX72Ly7zLH93pSYGrdxUhC2gg8WSBczEfmsWyWmbxaCZz"
		"4T7-XNcKDg\"\n}",
	},
};

/* HS256 with EAB_KEY over the ES256 key above, its JWK indented and so not in canonical form. */
#define EAB_KEY "0123456789abcdef0123456789abcdef"
#define EAB_VECTOR "{\"protected\": \"eyJhbGciOiAiSFMyNTYiLCAia2lkIjogImtpZC0xIiwgInVybCI6ICJodHRwcz" \
	"ovL2NhLmV4YW1wbGUvYWNtZS9uZXctYWNjb3VudCJ9\", \"payload\": \"ewogImt0eSI6ICJFQyI" \
	"sCiAiY3J2IjogIlAtMjU2IiwKICJ4IjogIjVubWlWVWMzdDhSU1F5MTlQLVkyQlI4Uk1lRnl3TmtKTm9" \
	"BSXROdnNod1UiLAogInkiOiAiQVZta3h3YjBnWC1zY0hkLWN3SEc3YXp2NV9UM1Z5VVRlS1ZYblNKc08" \
	"yWSIKfQ\", \"signature\": \"20dnEvnVU4diHppTj8wDSRUSwU0J3C170G1mgl-1WMc\"}"

#endif
