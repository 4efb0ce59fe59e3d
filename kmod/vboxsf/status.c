// SPDX-License-Identifier: GPL-2.0-only
/*
 * The one place where the host's status codes become errno values of a file system. Most are the
 * driver's (vbg_status_code_to_errno()); some mean something else for files.
 */
#include <linux/errno.h>
#include <linux/vbox_utils.h>

#include "vboxsf.h"

/**
 * vboxsf_errno() - Convert a status to an errno value.
 * @status:	Status of a call to the service.
 *
 * Context: Any.
 * Return: 0 for success and informational codes, else a negative errno value.
 */
int vboxsf_errno(int status)
{
	if (status >= 0)
		return 0;
	switch (status) {
	case VERR_ACCESS_DENIED:
		return -EACCES;
	case VERR_PATH_NOT_FOUND:
		return -ENOENT;
	case VERR_NOT_FOUND: /* the share is gone */
		return -ESTALE;
	case VERR_NOT_IMPLEMENTED:
	case VERR_NOT_SUPPORTED:
		return -EOPNOTSUPP;
	case VERR_SHARING_VIOLATION:
		return -EBUSY;
	case VERR_NOT_SYMLINK:
		return -EINVAL;
	case SHFL_VERR_CANCELLED:
		return -EINTR;
	case SHFL_VERR_NO_CLIENT:
		return -EIO;
	case VERR_TOO_MUCH_DATA:
	case VERR_BUFFER_OVERFLOW:
		return -EIO;
	default:
		return vbg_status_code_to_errno(status);
	}
}
