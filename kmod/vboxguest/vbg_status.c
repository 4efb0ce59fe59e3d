// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one place where VirtualBox status codes become errno values. What the
 * stock driver maps is mapped to the same value here; codes it does not know
 * (it returns -EPROTO and logs) have values of their own.
 */
#include <linux/errno.h>
#include <linux/kernel.h>
#include <linux/module.h>

#include "vbg_core.h"

struct vbg_status_errno {
	s16 status;
	u16 error;
};

static const struct vbg_status_errno vbg_status_errno[] = {
	{ VERR_INVALID_PARAMETER, EINVAL },
	{ VERR_INVALID_HANDLE, EBADF },
	{ VERR_INVALID_POINTER, EFAULT },
	{ VERR_NO_MEMORY, ENOMEM },
	{ VERR_PERMISSION_DENIED, EACCES },
	{ VERR_NOT_IMPLEMENTED, ENOSYS },
	{ VERR_INVALID_FLAGS, EINVAL },
	{ VERR_INVALID_FUNCTION, ENOTTY },
	{ VERR_NOT_SUPPORTED, ENOSYS },
	{ VERR_ACCESS_DENIED, EPERM },
	{ VERR_INTERRUPTED, EINTR },
	{ VERR_TIMEOUT, ETIMEDOUT },
	{ VERR_BUFFER_OVERFLOW, EOVERFLOW },
	{ VERR_TOO_MUCH_DATA, E2BIG },
	{ VERR_PROCESS_NOT_FOUND, ESRCH },
	{ VERR_TRY_AGAIN, EAGAIN },
	{ VERR_OUT_OF_RANGE, ERANGE },
	{ VERR_NO_TRANSLATION, EILSEQ },
	{ -61 /* invalid UTF-8 */, EILSEQ },
	{ -62 /* invalid UTF-16 */, EILSEQ },
	{ -70 /* cancelled */, ECANCELED },
	{ VERR_NOT_FOUND, ENOENT },
	{ VERR_INVALID_STATE, ESHUTDOWN },
	{ VERR_OUT_OF_RESOURCES, ENOBUFS },
	{ -100 /* file I/O error */, EIO },
	{ -101 /* open failed */, EIO },
	{ VERR_FILE_NOT_FOUND, ENOENT },
	{ VERR_PATH_NOT_FOUND, ENOTDIR },
	{ VERR_INVALID_NAME, ENOENT },
	{ VERR_ALREADY_EXISTS, EEXIST },
	{ VERR_TOO_MANY_OPEN_FILES, ENFILE },
	{ VERR_SEEK, EINVAL },
	{ VERR_NEGATIVE_SEEK, EINVAL },
	{ VERR_SEEK_ON_DEVICE, ESPIPE },
	{ VERR_READ_ERROR, EIO },
	{ VERR_WRITE_ERROR, EIO },
	{ VERR_WRITE_PROTECT, EROFS },
	{ VERR_SHARING_VIOLATION, ETXTBSY },
	{ VERR_FILE_LOCK_FAILED, ENOLCK },
	{ VERR_FILE_LOCK_VIOLATION, EAGAIN },
	{ VERR_CANT_CREATE, EACCES },
	{ VERR_CANT_DELETE_DIRECTORY, EBUSY },
	{ VERR_NOT_SAME_DEVICE, EXDEV },
	{ VERR_FILENAME_TOO_LONG, ENAMETOOLONG },
	{ VERR_MEDIA_NOT_PRESENT, ENOMEDIUM },
	{ VERR_MEDIA_NOT_RECOGNIZED, EMEDIUMTYPE },
	{ VERR_DIR_NOT_EMPTY, ENOTEMPTY },
	{ VERR_NOT_A_DIRECTORY, ENOTDIR },
	{ VERR_IS_A_DIRECTORY, EISDIR },
	{ VERR_FILE_TOO_BIG, EFBIG },
	{ VERR_RESOURCE_BUSY, EBUSY },
	{ -139 /* not a file */, EINVAL },
	{ -147 /* stale file handle */, ESTALE },
	{ VERR_DISK_FULL, ENOSPC },
	{ VERR_TOO_MANY_SYMLINKS, ELOOP },
	{ -159 /* symlink not allowed */, ELOOP },
	{ -160 /* is a symlink */, ELOOP },
	{ VERR_NO_MORE_FILES, ENODATA },
	{ VERR_DEV_IO_ERROR, EIO },
	{ VERR_BROKEN_PIPE, EPIPE },
	{ VERR_NO_DATA, ENODATA },
	{ VERR_DEADLOCK, EDEADLK },
	{ VERR_NET_NO_NETWORK, ENONET },
	{ VERR_NET_NOT_UNIQUE_NAME, ENOTUNIQ },
	{ VERR_NET_IN_PROGRESS, EINPROGRESS },
	{ VERR_NET_ALREADY_IN_PROGRESS, EALREADY },
	{ VERR_NET_NOT_SOCKET, ENOTSOCK },
	{ VERR_NET_DEST_ADDRESS_REQUIRED, EDESTADDRREQ },
	{ VERR_NET_MSG_SIZE, EMSGSIZE },
	{ VERR_NET_PROTOCOL_TYPE, EPROTOTYPE },
	{ VERR_NET_PROTOCOL_NOT_AVAILABLE, ENOPROTOOPT },
	{ VERR_NET_PROTOCOL_NOT_SUPPORTED, EPROTONOSUPPORT },
	{ VERR_NET_SOCKET_TYPE_NOT_SUPPORTED, ESOCKTNOSUPPORT },
	{ VERR_NET_OPERATION_NOT_SUPPORTED, EOPNOTSUPP },
	{ VERR_NET_PROTOCOL_FAMILY_NOT_SUPPORTED, EPFNOSUPPORT },
	{ VERR_NET_ADDRESS_FAMILY_NOT_SUPPORTED, EAFNOSUPPORT },
	{ VERR_NET_ADDRESS_IN_USE, EADDRINUSE },
	{ VERR_NET_ADDRESS_NOT_AVAILABLE, EADDRNOTAVAIL },
	{ VERR_NET_DOWN, ENETDOWN },
	{ VERR_NET_UNREACHABLE, ENETUNREACH },
	{ VERR_NET_CONNECTION_RESET, ENETRESET },
	{ VERR_NET_CONNECTION_ABORTED, ECONNABORTED },
	{ VERR_NET_CONNECTION_RESET_BY_PEER, ECONNRESET },
	{ VERR_NET_NO_BUFFER_SPACE, ENOBUFS },
	{ VERR_NET_ALREADY_CONNECTED, EISCONN },
	{ VERR_NET_NOT_CONNECTED, ENOTCONN },
	{ VERR_NET_SHUTDOWN, ESHUTDOWN },
	{ VERR_NET_TOO_MANY_REFERENCES, ETOOMANYREFS },
	{ VERR_NET_CONNECTION_TIMED_OUT, ETIMEDOUT },
	{ VERR_NET_CONNECTION_REFUSED, ECONNREFUSED },
	{ VERR_NET_HOST_DOWN, EHOSTDOWN },
	{ VERR_NET_HOST_UNREACHABLE, EHOSTUNREACH },
	{ VERR_BAD_EXE_FORMAT, ENOEXEC },
	{ -2900 /* no such HGCM service */, ENOENT },
	{ VBG_VERR_HGCM_INVALID_CLIENT_ID, ENOTCONN },
	{ -2908 /* too many HGCM clients */, EUSERS },
	{ -2909 /* too many calls of an HGCM client */, EBUSY },
	{ -22415 /* wrong number of parameters */, EINVAL },
	{ -22416 /* wrong type of a parameter */, EINVAL },
	{ -22417 /* service-level client id */, EBADF },
};

/**
 * vbg_status_code_to_errno() - Convert a status to an errno value.
 * @rc:		VirtualBox status.
 *
 * Context: Any.
 * Return: 0 for success and informational codes, a negative errno value for
 * errors; -EPROTO for those without one.
 */
int vbg_status_code_to_errno(int rc)
{
	size_t i;

	if (rc >= 0)
		return 0;
	if (rc == VBG_RC_UNANSWERED || rc == VBG_RC_NOT_SENT)
		return -EIO;
	for (i = 0; i < ARRAY_SIZE(vbg_status_errno); i++) {
		if (vbg_status_errno[i].status == rc)
			return -vbg_status_errno[i].error;
	}
	pr_warn_ratelimited("vboxguest: status %d has no errno value\n", rc);
	return -EPROTO;
}
EXPORT_SYMBOL(vbg_status_code_to_errno);
