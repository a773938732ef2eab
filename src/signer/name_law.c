/* name_law.c - the name constraints of an authority (name_law.h). */
#include "signer/name_law.h"

/* Does the wildcard stand for names that are in the tree, without being in it itself? */
static bool wildcard_reaches(const struct name_subtree *tree, const struct san *name)
{
	struct str below = { (const char *)name->value.p + 1, name->value.len - 1 }, tail;

	if (tree->type != SAN_DNS || name->type != SAN_DNS || name->value.len < 2 ||
	    name->value.p[0] != '*' || tree->dns.len <= below.len)
		return false;
	tail = (struct str){ tree->dns.p + tree->dns.len - below.len, below.len };
	return str_eq_nocase(tail, below);
}

bool name_law_permits(const struct cert_info *issuing, const struct name_subtree *permit,
		      size_t permit_count, const struct san *name)
{
	for (size_t i = 0; i < issuing->exclude_count; i++) {
		const struct name_subtree *tree = &issuing->exclude[i];

		/* A list of one permits exactly what is inside it. */
		if (name_subtrees_permit(tree, 1, name) || wildcard_reaches(tree, name))
			return false;
	}
	return name_subtrees_permit(issuing->permit, issuing->permit_count, name) &&
	       name_subtrees_permit(permit, permit_count, name);
}
