/* auto.h - clean-up at the end of a block, and handing over.
 * AUTO(arena) struct arena a;  runs arena_done(&a) when the block ends.
 * AUTO_PTR(pubkey) struct pubkey *k = NULL;  runs pubkey_free(k).
 * *out = TAKE(k);  hands over: k is NULL afterwards. */
#ifndef ASSAY_BASE_AUTO_H
#define ASSAY_BASE_AUTO_H

#define AUTO(type) __attribute__((cleanup(type##_done)))
#define AUTO_PTR(type) __attribute__((cleanup(type##_auto_free)))
/* Once per type, beside its _free: makes AUTO_PTR(type) work. */
#define AUTO_PTR_DEFINE(type)                                                  \
	static inline void type##_auto_free(struct type **p) { type##_free(*p); } \
	struct auto_ptr_##type##_needs_semicolon
#define TAKE(p) ({ __typeof__(p) take_ = (p); (p) = (__typeof__(p))0; take_; })

#endif
