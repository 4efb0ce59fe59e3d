// SPDX-License-Identifier: MIT
//
// See errors.h.
#include "shared-folders/errors.h"

#include <cerrno>

namespace hgcm::shfl {

Status to_status(int error) noexcept {
  switch (error) {
    case ENOTDIR:
      return HGCM_ERR_PATH_NOT_FOUND;
    case EEXIST:
      return HGCM_ERR_ALREADY_EXISTS;
    case EISDIR:
      return HGCM_ERR_IS_A_DIRECTORY;
    case EXDEV:
      return HGCM_ERR_NOT_SAME_DEVICE;
    case ETXTBSY:
      return HGCM_ERR_SHARING_VIOLATION;
    case EFBIG:
      return HGCM_ERR_FILE_TOO_BIG;
    case ENOSPC:
    case EDQUOT:
      return HGCM_ERR_DISK_FULL;
    case EROFS:
      return HGCM_ERR_WRITE_PROTECT;
    case ENAMETOOLONG:
      return HGCM_ERR_FILENAME_TOO_LONG;
    case ENOTEMPTY:
      return HGCM_ERR_DIR_NOT_EMPTY;
    case ELOOP:
      return HGCM_ERR_TOO_MANY_SYMLINKS;
    case EIO:
      return HGCM_ERR_DEV_IO_ERROR;
    case ESTALE:
      return HGCM_ERR_STALE_FILE_HANDLE;
    case EILSEQ:
      return HGCM_ERR_NO_TRANSLATION;
    case ENOSYS:
    case EOPNOTSUPP:
      return HGCM_ERR_NOT_SUPPORTED;
    default:
      return Status::from_errno(error);
  }
}

}  // namespace hgcm::shfl
