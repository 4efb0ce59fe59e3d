/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Version of the modules. Each of them carries it (MODULE_VERSION): DKMS replaces the kernel's own
 * module of the same name, which has none, only by one that is newer.
 */
#ifndef OPENHGCM_VERSION_H
#define OPENHGCM_VERSION_H

#define OPENHGCM_VERSION	"0.1.0"

#endif
