/* solver_impl.h - what the solvers of this folder share. */
#ifndef ASSAY_SOLVER_SOLVER_IMPL_H
#define ASSAY_SOLVER_SOLVER_IMPL_H

#include "solver/solver.h"

/* ^[A-Za-z0-9_-]{22,128}$: the token becomes a file name (TRUST V46, RFC 8555 §8.3). The engine has
 * checked it already; a solver trusts nobody with that. */
enum rc solver_check_token(struct str token, struct fault *f) MUST_USE;

#endif
