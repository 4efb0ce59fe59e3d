/* SPDX-License-Identifier: MIT */
/*
 * VirtualBox status codes that occur in the VMMDev and HGCM protocols, as a plain C list.
 *
 * Values >= 0 mean success (INF and WRN are success with something to tell), values < 0 failure.
 * Usable from C11 and C++ on its own. The constants are called HGCM_ERR_x / HGCM_INF_x /
 * HGCM_WRN_x where the protocol's documentation says VERR_x / VINF_x / VWRN_x, so that this header
 * can stand beside <linux/vbox_err.h>, which defines the latter as macros.
 *
 * This is not the errno mapping: see Status::from_errno() in <hgcm/status.h>.
 */
#ifndef HGCM_VBOX_STATUS_H
#define HGCM_VBOX_STATUS_H

/* X(kind, name, value); kind is INF, WRN or ERR. */
#define HGCM_STATUS_LIST(X)                                \
  X(INF, SUCCESS, 0)                                       \
  X(INF, PERMISSION_DENIED, 10)                            \
  X(INF, BUFFER_OVERFLOW, 41)                              \
  X(INF, TRY_AGAIN, 52)                                    \
  X(WRN, NOT_FOUND, 78)                                    \
  X(INF, NO_CHANGE, 95)                                    \
  X(WRN, NO_DIRENT_INFO, 203)                              \
  X(INF, HGCM_CLIENT_REJECTED, 2901)                       \
  X(INF, HGCM_ASYNC_EXECUTE, 2903)                         \
  X(INF, HGCM_SAVE_STATE, 2906)                            \
  X(ERR, GENERAL_FAILURE, -1)                              \
  X(ERR, INVALID_PARAMETER, -2)                            \
  X(ERR, INVALID_MAGIC, -3)                                \
  X(ERR, INVALID_HANDLE, -4)                               \
  X(ERR, LOCK_FAILED, -5)                                  \
  X(ERR, INVALID_POINTER, -6)                              \
  X(ERR, IDT_FAILED, -7)                                   \
  X(ERR, NO_MEMORY, -8)                                    \
  X(ERR, ALREADY_LOADED, -9)                               \
  X(ERR, PERMISSION_DENIED, -10)                           \
  X(ERR, VERSION_MISMATCH, -11)                            \
  X(ERR, NOT_IMPLEMENTED, -12)                             \
  X(ERR, INVALID_FLAGS, -13)                               \
  X(ERR, NOT_EQUAL, -18)                                   \
  X(ERR, NOT_SYMLINK, -19)                                 \
  X(ERR, NO_TMP_MEMORY, -20)                               \
  X(ERR, INVALID_FMODE, -21)                               \
  X(ERR, WRONG_ORDER, -22)                                 \
  X(ERR, NO_TLS_FOR_SELF, -23)                             \
  X(ERR, FAILED_TO_SET_SELF_TLS, -24)                      \
  X(ERR, NO_CONT_MEMORY, -26)                              \
  X(ERR, NO_PAGE_MEMORY, -27)                              \
  X(ERR, THREAD_IS_DEAD, -29)                              \
  X(ERR, THREAD_NOT_WAITABLE, -30)                         \
  X(ERR, PAGE_TABLE_NOT_PRESENT, -31)                      \
  X(ERR, INVALID_CONTEXT, -32)                             \
  X(ERR, TIMER_BUSY, -33)                                  \
  X(ERR, ADDRESS_CONFLICT, -34)                            \
  X(ERR, UNRESOLVED_ERROR, -35)                            \
  X(ERR, INVALID_FUNCTION, -36)                            \
  X(ERR, NOT_SUPPORTED, -37)                               \
  X(ERR, ACCESS_DENIED, -38)                               \
  X(ERR, INTERRUPTED, -39)                                 \
  X(ERR, TIMEOUT, -40)                                     \
  X(ERR, BUFFER_OVERFLOW, -41)                             \
  X(ERR, TOO_MUCH_DATA, -42)                               \
  X(ERR, MAX_THRDS_REACHED, -43)                           \
  X(ERR, MAX_PROCS_REACHED, -44)                           \
  X(ERR, SIGNAL_REFUSED, -45)                              \
  X(ERR, SIGNAL_PENDING, -46)                              \
  X(ERR, SIGNAL_INVALID, -47)                              \
  X(ERR, STATE_CHANGED, -48)                               \
  X(ERR, INVALID_UUID_FORMAT, -49)                         \
  X(ERR, PROCESS_NOT_FOUND, -50)                           \
  X(ERR, PROCESS_RUNNING, -51)                             \
  X(ERR, TRY_AGAIN, -52)                                   \
  X(ERR, PARSE_ERROR, -53)                                 \
  X(ERR, OUT_OF_RANGE, -54)                                \
  X(ERR, NUMBER_TOO_BIG, -55)                              \
  X(ERR, NO_DIGITS, -56)                                   \
  X(ERR, NEGATIVE_UNSIGNED, -57)                           \
  X(ERR, NO_TRANSLATION, -58)                              \
  X(ERR, INVALID_UTF8_ENCODING, -61)                       \
  X(ERR, INVALID_UTF16_ENCODING, -62)                      \
  X(ERR, CANCELLED, -70)                                   \
  X(ERR, NOT_FOUND, -78)                                   \
  X(ERR, INVALID_STATE, -79)                               \
  X(ERR, OUT_OF_RESOURCES, -80)                            \
  X(ERR, NO_MORE_HANDLES, -81)                             \
  X(ERR, DUPLICATE, -98)                                   \
  X(ERR, FILE_IO_ERROR, -100)                              \
  X(ERR, OPEN_FAILED, -101)                                \
  X(ERR, FILE_NOT_FOUND, -102)                             \
  X(ERR, PATH_NOT_FOUND, -103)                             \
  X(ERR, INVALID_NAME, -104)                               \
  X(ERR, ALREADY_EXISTS, -105)                             \
  X(ERR, TOO_MANY_OPEN_FILES, -106)                        \
  X(ERR, SEEK, -107)                                       \
  X(ERR, NEGATIVE_SEEK, -108)                              \
  X(ERR, SEEK_ON_DEVICE, -109)                             \
  X(ERR, EOF, -110)                                        \
  X(ERR, READ_ERROR, -111)                                 \
  X(ERR, WRITE_ERROR, -112)                                \
  X(ERR, WRITE_PROTECT, -113)                              \
  X(ERR, SHARING_VIOLATION, -114)                          \
  X(ERR, FILE_LOCK_FAILED, -115)                           \
  X(ERR, FILE_LOCK_VIOLATION, -116)                        \
  X(ERR, CANT_CREATE, -117)                                \
  X(ERR, CANT_DELETE_DIRECTORY, -118)                      \
  X(ERR, NOT_SAME_DEVICE, -119)                            \
  X(ERR, FILENAME_TOO_LONG, -120)                          \
  X(ERR, MEDIA_NOT_PRESENT, -121)                          \
  X(ERR, MEDIA_NOT_RECOGNIZED, -122)                       \
  X(ERR, FILE_NOT_LOCKED, -123)                            \
  X(ERR, FILE_LOCK_LOST, -124)                             \
  X(ERR, DIR_NOT_EMPTY, -125)                              \
  X(ERR, NOT_A_DIRECTORY, -126)                            \
  X(ERR, IS_A_DIRECTORY, -127)                             \
  X(ERR, FILE_TOO_BIG, -128)                               \
  X(ERR, RESOURCE_BUSY, -138)                              \
  X(ERR, NOT_A_FILE, -139)                                 \
  X(ERR, STALE_FILE_HANDLE, -147)                          \
  X(ERR, DISK_FULL, -152)                                  \
  X(ERR, TOO_MANY_SYMLINKS, -156)                          \
  X(ERR, SYMLINK_NOT_ALLOWED, -159)                        \
  X(ERR, IS_A_SYMLINK, -160)                               \
  X(ERR, IS_A_FIFO, -161)                                  \
  X(ERR, IS_A_SOCKET, -162)                                \
  X(ERR, IS_A_BLOCK_DEVICE, -163)                          \
  X(ERR, IS_A_CHAR_DEVICE, -164)                           \
  X(ERR, NO_MORE_FILES, -201)                              \
  X(ERR, INTERNAL_ERROR, -225)                             \
  X(ERR, INTERNAL_ERROR_2, -226)                           \
  X(ERR, INTERNAL_ERROR_3, -227)                           \
  X(ERR, INTERNAL_ERROR_4, -228)                           \
  X(ERR, INTERNAL_ERROR_5, -229)                           \
  X(ERR, DEV_IO_ERROR, -250)                               \
  X(ERR, IO_BAD_LENGTH, -255)                              \
  X(ERR, BROKEN_PIPE, -301)                                \
  X(ERR, NO_DATA, -304)                                    \
  X(ERR, TOO_MANY_OPENS, -356)                             \
  X(ERR, ALREADY_RESET, -359)                              \
  X(ERR, SEM_DESTROYED, -363)                              \
  X(ERR, DEADLOCK, -365)                                   \
  X(ERR, NET_IO_ERROR, -400)                               \
  X(ERR, NET_OUT_OF_RESOURCES, -401)                       \
  X(ERR, NET_HOST_NOT_FOUND, -402)                         \
  X(ERR, NET_PATH_NOT_FOUND, -403)                         \
  X(ERR, NET_PRINT_ERROR, -404)                            \
  X(ERR, NET_NO_NETWORK, -405)                             \
  X(ERR, NET_NOT_UNIQUE_NAME, -406)                        \
  X(ERR, NET_IN_PROGRESS, -436)                            \
  X(ERR, NET_ALREADY_IN_PROGRESS, -437)                    \
  X(ERR, NET_NOT_SOCKET, -438)                             \
  X(ERR, NET_DEST_ADDRESS_REQUIRED, -439)                  \
  X(ERR, NET_MSG_SIZE, -440)                               \
  X(ERR, NET_PROTOCOL_TYPE, -441)                          \
  X(ERR, NET_PROTOCOL_NOT_AVAILABLE, -442)                 \
  X(ERR, NET_PROTOCOL_NOT_SUPPORTED, -443)                 \
  X(ERR, NET_SOCKET_TYPE_NOT_SUPPORTED, -444)              \
  X(ERR, NET_OPERATION_NOT_SUPPORTED, -445)                \
  X(ERR, NET_PROTOCOL_FAMILY_NOT_SUPPORTED, -446)          \
  X(ERR, NET_ADDRESS_FAMILY_NOT_SUPPORTED, -447)           \
  X(ERR, NET_ADDRESS_IN_USE, -448)                         \
  X(ERR, NET_ADDRESS_NOT_AVAILABLE, -449)                  \
  X(ERR, NET_DOWN, -450)                                   \
  X(ERR, NET_UNREACHABLE, -451)                            \
  X(ERR, NET_CONNECTION_RESET, -452)                       \
  X(ERR, NET_CONNECTION_ABORTED, -453)                     \
  X(ERR, NET_CONNECTION_RESET_BY_PEER, -454)               \
  X(ERR, NET_NO_BUFFER_SPACE, -455)                        \
  X(ERR, NET_ALREADY_CONNECTED, -456)                      \
  X(ERR, NET_NOT_CONNECTED, -457)                          \
  X(ERR, NET_SHUTDOWN, -458)                               \
  X(ERR, NET_TOO_MANY_REFERENCES, -459)                    \
  X(ERR, NET_CONNECTION_TIMED_OUT, -460)                   \
  X(ERR, NET_CONNECTION_REFUSED, -461)                     \
  X(ERR, NET_HOST_DOWN, -464)                              \
  X(ERR, NET_HOST_UNREACHABLE, -465)                       \
  X(ERR, NET_PROTOCOL_ERROR, -466)                         \
  X(ERR, NET_INCOMPLETE_TX_PACKET, -467)                   \
  X(ERR, BAD_EXE_FORMAT, -608)                             \
  X(ERR, SYMBOL_NOT_FOUND, -609)                           \
  X(ERR, VM_RESTORED, -1025)                               \
  X(ERR, SSM_DATA_UNIT_FORMAT_CHANGED, -1841)              \
  X(ERR, SSM_UNEXPECTED_DATA, -1848)                       \
  X(ERR, HGCM_SERVICE_NOT_FOUND, -2900)                    \
  X(ERR, HGCM_INVALID_CMD_ADDRESS, -2902)                  \
  X(ERR, HGCM_INTERNAL, -2904)                             \
  X(ERR, HGCM_INVALID_CLIENT_ID, -2905)                    \
  X(ERR, HGCM_SERVICE_EXISTS, -2907)                       \
  X(ERR, HGCM_TOO_MANY_CLIENTS, -2908)                     \
  X(ERR, HGCM_TOO_MANY_CLIENT_CALLS, -2909)                \
  X(ERR, VBGL_NOT_INITIALIZED, -3300)                      \
  X(ERR, VBGL_INVALID_ADDR, -3301)                         \
  X(ERR, VBGL_IOCTL_FAILED, -3302)                         \
  X(ERR, VMMDEV_CPU_HOTPLUG_NOT_MONITORED_BY_GUEST, -4700) \
  X(ERR, GSTCTL_GUEST_ERROR, -6200)                        \
  X(ERR, GSTCTL_MAX_CID_SESSIONS_REACHED, -6222)           \
  X(ERR, GSTCTL_MAX_CID_OBJECTS_REACHED, -6223)            \
  X(ERR, GSTCTL_MAX_CID_COUNT_REACHED, -6224)              \
  X(ERR, DND_GUEST_ERROR, -6500)                           \
  X(ERR, SHCLPB_MAX_TRANSFERS_REACHED, -7100)              \
  X(ERR, SHCLPB_MAX_OBJECTS_REACHED, -7101)                \
  X(ERR, SHCLPB_MAX_LISTS_REACHED, -7102)                  \
  X(ERR, SHCLPB_LIST_HANDLE_INVALID, -7103)                \
  X(ERR, SHCLPB_OBJ_HANDLE_INVALID, -7104)                 \
  X(ERR, SHCLPB_EVENT_ID_NOT_FOUND, -7105)                 \
  X(ERR, SHCLPB_MAX_EVENTS_REACHED, -7106)                 \
  X(ERR, SHCLPB_TRANSFER_ID_NOT_FOUND, -7150)              \
  X(ERR, SHCLPB_GUEST_ERROR, -7151)                        \
  X(ERR, SHCLPB_EVENT_FAILED, -7152)                       \
  X(ERR, SHCLPB_NO_DATA, -7153)                            \
  X(ERR, UNEXPECTED_EXCEPTION, -22400)                     \
  X(ERR, BUFFER_UNDERFLOW, -22401)                         \
  X(ERR, NOT_AVAILABLE, -22403)                            \
  X(ERR, MISMATCH, -22408)                                 \
  X(ERR, WRONG_TYPE, -22409)                               \
  X(ERR, WRONG_PARAMETER_COUNT, -22415)                    \
  X(ERR, WRONG_PARAMETER_TYPE, -22416)                     \
  X(ERR, INVALID_CLIENT_ID, -22417)                        \
  X(ERR, INVALID_SESSION_ID, -22418)                       \
  X(ERR, INCOMPATIBLE_CONFIG, -22420)                      \
  X(ERR, NO_STRING_TERMINATOR, -22421)

#define HGCM_STATUS_ENUMERATOR_(kind, name, value) HGCM_##kind##_##name = (value),
enum hgcm_status_code { HGCM_STATUS_LIST(HGCM_STATUS_ENUMERATOR_) };
#undef HGCM_STATUS_ENUMERATOR_

#endif
