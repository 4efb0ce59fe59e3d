/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The shared folder protocol of VirtualBox as it lies in memory: functions of the HGCM service
 * VBoxSharedFolders, their flags and structures, all little-endian and packed. Our extensions are
 * in openhgcm/shfl_ext.h. Nothing here is of the file system itself.
 */
#ifndef SHFL_PROTO_H
#define SHFL_PROTO_H

#include <linux/build_bug.h>
#include <linux/types.h>

#define SHFL_SERVICE		"VBoxSharedFolders"

#define SHFL_FN_QUERY_MAPPINGS	1
#define SHFL_FN_QUERY_MAP_NAME	2
#define SHFL_FN_CREATE		3
#define SHFL_FN_CLOSE		4
#define SHFL_FN_READ		5
#define SHFL_FN_WRITE		6
#define SHFL_FN_LIST		8
#define SHFL_FN_INFORMATION	9
#define SHFL_FN_REMOVE		11
#define SHFL_FN_UNMAP_FOLDER	13
#define SHFL_FN_RENAME		14
#define SHFL_FN_FLUSH		15
#define SHFL_FN_SET_UTF8	16
#define SHFL_FN_MAP_FOLDER	17
#define SHFL_FN_READLINK	18
#define SHFL_FN_SYMLINK		19
#define SHFL_FN_SET_SYMLINKS	20
#define SHFL_FN_QUERY_MAP_INFO	21
#define SHFL_FN_QUERY_FEATURES	25
#define SHFL_FN_COPY_FILE_PART	27

/* The last function of hosts that cannot tell. */
#define SHFL_LAST_FN_OLD	20

/* The file offset after a write is handed back. */
#define SHFL_FEATURE_WRITE_OFFSET	0x1u

#define SHFL_NIL_HANDLE		(~0ull)
#define SHFL_NIL_ROOT		(~0u)
#define SHFL_MAX_MAPPINGS	64
#define SHFL_MAX_NAME		256

#define SHFL_MF_UTF8		0x1u

#define SHFL_MIF_WRITABLE	0x1u

/* Flags of CREATE. */
#define SHFL_CF_LOOKUP			0x1u
#define SHFL_CF_DIRECTORY		0x4u
#define SHFL_CF_OPEN_IF_EXISTS		0x0u
#define SHFL_CF_FAIL_IF_EXISTS		0x10u
#define SHFL_CF_OVERWRITE_IF_EXISTS	0x30u
#define SHFL_CF_CREATE_IF_NEW		0x0u
#define SHFL_CF_FAIL_IF_NEW		0x100u
#define SHFL_CF_READ			0x1000u
#define SHFL_CF_WRITE			0x2000u
#define SHFL_CF_ATTR_READ		0x10000u
#define SHFL_CF_ATTR_WRITE		0x20000u
#define SHFL_CF_APPEND			0x40000u

/* Results of CREATE. */
#define SHFL_NO_RESULT		0
#define SHFL_PATH_NOT_FOUND	1
#define SHFL_FILE_NOT_FOUND	2
#define SHFL_FILE_EXISTS	3
#define SHFL_FILE_CREATED	4
#define SHFL_FILE_REPLACED	5

/* Flags of INFORMATION. */
#define SHFL_INFO_GET		0x0u
#define SHFL_INFO_SET		0x1u
#define SHFL_INFO_SIZE		0x4u
#define SHFL_INFO_FILE		0x8u
#define SHFL_INFO_VOLUME	0x10u

#define SHFL_REMOVE_FILE	0x1u
#define SHFL_REMOVE_DIR		0x2u
#define SHFL_REMOVE_SYMLINK	0x4u

#define SHFL_RENAME_FILE	0x1u
#define SHFL_RENAME_DIR		0x2u
#define SHFL_RENAME_REPLACE	0x4u

/* Status codes the kernel's vbox_err.h has no name for. */
#define SHFL_VERR_NO_SUCH_SERVICE	(-2900)
#define SHFL_VERR_NO_CLIENT		(-2905)
#define SHFL_VERR_CANCELLED		(-70)
#define SHFL_VERR_INVALID_CONFIG	(-22420)

struct shfl_string {
	__le16 size;		/* bytes available for text, terminator included */
	__le16 length;		/* bytes of text without terminator */
	u8 text[];
} __packed;

static_assert(sizeof(struct shfl_string) == 4);

/* What shfl_info.additional says about the union-like tail. */
#define SHFL_ADDITIONAL_UNIX	2

struct shfl_info {
	__le64 size;
	__le64 allocated;
	__le64 atime;		/* ns since 1970, signed, as are the other times */
	__le64 mtime;
	__le64 ctime;
	__le64 btime;
	__le32 mode;
	__le32 additional;
	/* Valid with SHFL_ADDITIONAL_UNIX. */
	__le32 uid;
	__le32 gid;
	__le32 nlink;
	__le32 dev;
	__le64 ino;
	__le32 flags;
	__le32 generation;
	__le32 rdev;
} __packed;

static_assert(sizeof(struct shfl_info) == 92);

struct shfl_create_parms {
	__le64 handle;
	__le32 result;
	__le32 flags;
	struct shfl_info info;
} __packed;

static_assert(sizeof(struct shfl_create_parms) == 108);

/* Followed by the name. */
struct shfl_dir_entry {
	struct shfl_info info;
	__le16 short_name_length;
	__le16 short_name[14];
	struct shfl_string name;
} __packed;

static_assert(sizeof(struct shfl_dir_entry) == 126);

struct shfl_volume {
	__le64 total;
	__le64 available;
	__le32 unit;
	__le32 sector;
	__le32 serial;
	__le32 name_max;
	u8 remote;
	u8 case_sensitive;
	u8 read_only;
	u8 unicode;
	u8 compressed;
	u8 file_compression;
	u8 padding[2];
} __packed;

static_assert(sizeof(struct shfl_volume) == 40);

struct shfl_mapping {
	__le32 status;
	__le32 root;
} __packed;

static_assert(sizeof(struct shfl_mapping) == 8);

#endif
