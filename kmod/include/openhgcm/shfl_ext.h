/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * OpenHGCM's extensions of the shared folder protocol. Shared by the file system (vboxsf) and the
 * service (VBoxSharedFolders). A service says which it has by bits of the feature word of
 * QUERY_FEATURES (SHFL_EXT_FEATURE_*); its "last function" stays 29. Others answer the functions
 * below with VERR_NOT_IMPLEMENTED (-12).
 *
 * SHFL_EXT_FEATURE_LINKS: hard links. LINK makes one, and tells what it is now a name of.
 *
 * SHFL_EXT_FEATURE_CHANGES: the host tells the guest about changes that others made below a share,
 * so that inotify and fanotify work in the guest. For each client and root:
 *  - WATCH names one object, and from then on its changes are recorded: for a directory those of
 *    its entries and of itself, not of directories below it. Watching the same object again gives
 *    the same id. A limit on watches for each client answers VERR_OUT_OF_RESOURCES (-80).
 *  - The guest keeps one WAIT pending for each root it watches. It completes as soon as there is
 *    at least one record, with as many whole records as fit; the guest then calls again. A second
 *    WAIT of the same client and root is refused with VERR_INVALID_STATE (-79).
 *  - Changes a client makes through its own calls are not reported to that client. The service goes
 *    by their paths, for as long as the call runs and half a second longer: what somebody else does
 *    to the same object in that time goes unreported too.
 *  - When records had to be dropped, one record with SHFL_CHANGE_OVERFLOW and watch 0 takes their
 *    place: the guest has to assume that anything changed.
 *  - UNWATCH forgets an id; records of it that are queued are dropped. When the object is gone the
 *    last record of its watch has SHFL_CHANGE_IGNORED, and the id is free without UNWATCH.
 *  - UNMAP_FOLDER, DISCONNECT and CANCEL_WAIT end a pending WAIT with VERR_CANCELLED (-70).
 *    UNMAP_FOLDER and DISCONNECT drop the watches.
 *  - Nothing of this is in a saved state. After a restore ids are unknown (VERR_INVALID_HANDLE),
 *    and a WAIT completes with an OVERFLOW record; the guest watches again.
 *
 * All fields little-endian. Each side treats what the other wrote as untrusted.
 */
#ifndef OPENHGCM_SHFL_EXT_H
#define OPENHGCM_SHFL_EXT_H

/* Bits of the u64 feature word of SHFL_FN_QUERY_FEATURES. */
#define SHFL_EXT_FEATURE_CHANGES	0x0000000100000000ull
#define SHFL_EXT_FEATURE_LINKS		0x0000000200000000ull

/*
 * WATCH: 0 u32 in root; 1 ptr in path (SHFLSTRING, as in CREATE; a last symlink is not followed);
 * 2 u32 in mask (SHFL_CHANGE_* of the low 16 bits; 0 means all); 3 u32 out watch id, never 0.
 */
#define SHFL_EXT_FN_WATCH		0x4f480001u
/* UNWATCH: 0 u32 in root; 1 u32 in watch id. */
#define SHFL_EXT_FN_UNWATCH		0x4f480002u
/*
 * WAIT: 0 u32 in root; 1 ptr out records, at least 4096 bytes, else VERR_INVALID_PARAMETER (-2);
 * 2 u32 out bytes of records.
 */
#define SHFL_EXT_FN_WAIT_CHANGES	0x4f480003u
/* CANCEL_WAIT: 0 u32 in root. Nothing pending is no error. */
#define SHFL_EXT_FN_CANCEL_WAIT		0x4f480004u
/*
 * LINK: 0 u32 in root; 1 ptr in path of what exists (SHFLSTRING; a last symlink is not followed,
 * and may be linked where SYMLINK could make it); 2 ptr in path of the new name, which must not
 * exist; 3 ptr out SHFLFSOBJINFO of the new name, 92 bytes, else VERR_INVALID_PARAMETER (-2).
 * Directories are refused with VERR_IS_A_DIRECTORY (-127), what the host's file system gives no
 * (further) name with VERR_NOT_SUPPORTED (-37).
 */
#define SHFL_EXT_FN_LINK		0x4f480005u

/*
 * A record, 8-byte aligned. Offsets of its fields; the name is not terminated, in the client's
 * encoding of names (UTF-8; a UTF-16 client gets VERR_NOT_SUPPORTED from WATCH), and its length is
 * 0 when the change is of the watched object itself.
 */
#define SHFL_CHANGE_OFF_SIZE		0u	/* u32: bytes, padded: a multiple of 8 */
#define SHFL_CHANGE_OFF_WATCH		4u	/* u32 */
#define SHFL_CHANGE_OFF_MASK		8u	/* u32: SHFL_CHANGE_* */
#define SHFL_CHANGE_OFF_COOKIE		12u	/* u32: not 0, equal in both of a move */
#define SHFL_CHANGE_OFF_NAME_LENGTH	16u	/* u16: bytes, at most 255 */
#define SHFL_CHANGE_OFF_NAME		18u
#define SHFL_CHANGE_SIZE_MIN		24u

/* What changed. Values are chosen to be those that Linux's inotify uses. */
#define SHFL_CHANGE_MODIFY		0x00000002u
#define SHFL_CHANGE_ATTRIB		0x00000004u
#define SHFL_CHANGE_CLOSE_WRITE		0x00000008u
#define SHFL_CHANGE_MOVED_FROM		0x00000040u
#define SHFL_CHANGE_MOVED_TO		0x00000080u
#define SHFL_CHANGE_CREATE		0x00000100u
#define SHFL_CHANGE_DELETE		0x00000200u
#define SHFL_CHANGE_DELETE_SELF		0x00000400u
#define SHFL_CHANGE_MOVE_SELF		0x00000800u
#define SHFL_CHANGE_OVERFLOW		0x00004000u
#define SHFL_CHANGE_IGNORED		0x00008000u
#define SHFL_CHANGE_IS_DIRECTORY	0x40000000u

#endif
