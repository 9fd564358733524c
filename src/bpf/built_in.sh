#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
# built_in.sh OBJECT HEADER: a header that says where the object is; newer than it, so that who includes it is built again.
printf '#define WALL_OBJECT "%s"\n' "$(realpath "$1")" >"$2"
