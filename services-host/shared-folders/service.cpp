// SPDX-License-Identifier: MIT
//
// The way of a call through the service: its function, its parameters, where and in which order it
// is done; see service.h.
#include "shared-folders/service.h"

#include <algorithm>
#include <iterator>
#include <new>

#include "shared-folders/path.h"

namespace hgcm::shfl {
namespace {

/// How long the end of a client waits for calls that have begun: they may be writing to memory of
/// the guest, which is about to be another's.
constexpr std::chrono::seconds kDisconnectPatience{3};

bool accepts(char type, const hgcm_svc_parm& parm) {
  switch (type) {
    case 'u':
      return parm.type == HGCM_SVC_PARM_32BIT;
    case 'U':
      return parm.type == HGCM_SVC_PARM_64BIT;
    case 'p':
      return parm.type == HGCM_SVC_PARM_PTR;
    default:
      return parm.type == HGCM_SVC_PARM_PTR || parm.type == HGCM_SVC_PARM_PAGES;
  }
}

}  // namespace

struct SharedFolders::Running {
  Running(service::Call of, std::shared_ptr<ClientState> from, Job what)
      : call(std::move(of)), client(std::move(from)), job(std::move(what)) {
    client->begin_call();
  }
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running() { client->end_call(); }

  service::Call call;
  const std::shared_ptr<ClientState> client;
  Job job;
  std::vector<Changes::Own> own;
  CallOrder::Ticket ticket{};
};

const SharedFolders::GuestFunctionEntry SharedFolders::kFunctions[] = {
    {kQueryMappings, "uup", false, &SharedFolders::query_mappings},
    {kQueryMapName, "up", false, &SharedFolders::query_map_name},
    {kCreate, "upp", false, &SharedFolders::create},
    {kClose, "uU", false, &SharedFolders::close},
    {kRead, "uUUud", true, &SharedFolders::read},
    {kWrite, "uUUud", true, &SharedFolders::write},
    {kLock, "uUUUu", false, &SharedFolders::lock},
    {kList, "uUuuppuu", false, &SharedFolders::list},
    {kInformation, "uUuup", false, &SharedFolders::information},
    {kRemove, "upu", true, &SharedFolders::remove},
    {kMapFolderOld, "puu", false, &SharedFolders::map_folder_old},
    {kUnmapFolder, "u", false, &SharedFolders::unmap_folder},
    {kRename, "uppu", false, &SharedFolders::rename},
    {kFlush, "uU", false, &SharedFolders::flush},
    {kSetUtf8, "", false, &SharedFolders::set_utf8},
    {kMapFolder, "puuu", false, &SharedFolders::map_folder},
    {kReadLink, "upp", false, &SharedFolders::read_link},
    {kSymlink, "uppp", false, &SharedFolders::symlink},
    {kSetSymlinks, "", false, &SharedFolders::set_symlinks},
    {kQueryMapInfo, "uppUu", false, &SharedFolders::query_map_info},
    {kWaitForMappingsChanges, "u", false, nullptr},
    {kCancelMappingsChangesWaits, "", false, &SharedFolders::cancel_mappings_changes_waits},
    {kSetFileSize, "uUU", true, &SharedFolders::set_file_size},
    {kQueryFeatures, "Uu", true, &SharedFolders::query_features},
    {kCopyFile, "upupu", true, &SharedFolders::copy_file},
    {kCopyFilePart, "uUUuUUUu", true, &SharedFolders::copy_file_part},
    {kCloseAndRemove, "upuU", true, &SharedFolders::close_and_remove},
    {kSetErrorStyle, "uu", true, &SharedFolders::set_error_style},
    {SHFL_EXT_FN_WATCH, "upuu", true, &SharedFolders::watch},
    {SHFL_EXT_FN_UNWATCH, "uu", true, &SharedFolders::unwatch},
    {SHFL_EXT_FN_WAIT_CHANGES, "upu", true, nullptr},
    {SHFL_EXT_FN_CANCEL_WAIT, "u", true, &SharedFolders::cancel_wait},
    {SHFL_EXT_FN_LINK, "uppp", true, &SharedFolders::hard_link},
};

Result<std::string> Request::path(std::size_t i) const {
  if (client.record.delimiter == 0) {
    // It has not mapped anything.
    return failure(HGCM_ERR_INVALID_PARAMETER);
  }
  const auto given = text(i);
  return given ? to_relative_path(*given, client.record.delimiter) : given;
}

SharedFolders::SharedFolders(service::Host host)
    : host_(host), budget_(std::make_shared<DescriptorBudget>()) {}

SharedFolders::~SharedFolders() = default;

void SharedFolders::disconnect(Client& client, std::uint32_t id) {
  client.state->leave();
  std::erase_if(waits_, [&](MappingsWait& wait) {
    if (wait.client == id) {
      std::move(wait.call).complete(HGCM_ERR_CANCELLED);
    }
    return !wait.call;
  });
  changes_.drop_client(id);
  client.state->wait_for_calls(kDisconnectPatience);
  // Also what calls have brought that were under way.
  changes_.drop_client(id);
  client.state->handles.clear();
  for (std::uint32_t root = 0; root < kMaxMappings; ++root) {
    mappings_.unmap(root, client.record.map_counts[root]);
  }
}

void SharedFolders::cancelled(Client& /*client*/, std::uint32_t id) {
  changes_.drop_cancelled();
  // Waits are found here; a call that is queued is skipped when its turn comes.
  std::erase_if(waits_, [&](MappingsWait& wait) {
    if (wait.client == id && wait.call.is_cancelled()) {
      std::move(wait.call).complete(HGCM_ERR_CANCELLED);
    }
    return !wait.call;
  });
}

void SharedFolders::call(service::Call call, Client& client, const service::CallInfo& info,
                         service::Rest parameters) {
  const auto* const function =
      std::ranges::find(kFunctions, info.function, &GuestFunctionEntry::number);
  if (function == std::end(kFunctions)) {
    std::move(call).complete(HGCM_ERR_NOT_IMPLEMENTED);
    return;
  }
  const std::string_view types = function->parameters;
  if (parameters.size() != types.size()) {
    std::move(call).complete(function->tells_mistakes ? HGCM_ERR_WRONG_PARAMETER_COUNT
                                                      : HGCM_ERR_INVALID_PARAMETER);
    return;
  }
  if (!std::ranges::equal(types, parameters.parms, accepts)) {
    std::move(call).complete(function->tells_mistakes ? HGCM_ERR_WRONG_PARAMETER_TYPE
                                                      : HGCM_ERR_INVALID_PARAMETER);
    return;
  }
  if (function->handler == nullptr) {
    if (function->number == SHFL_EXT_FN_WAIT_CHANGES) {
      wait_for_changes(std::move(call), client, parameters.parms);
    } else {
      wait_for_mappings_changes(std::move(call), client,
                                service::InOut<std::uint32_t>(parameters.parms[0]));
    }
    return;
  }
  Request request(client, parameters.parms);
  submit(std::move(call), client, (this->*function->handler)(request));
}

void SharedFolders::submit(service::Call call, Client& client, Job job) {
  if (job.done) {
    std::move(call).complete(*job.done);
    return;
  }
  const auto running = std::make_shared<Running>(std::move(call), client.state, std::move(job));
  const Job& what = running->job;
  for (const std::string& path : what.changed) {
    running->own.push_back(changes_.begin_own(client.id, what.changed_root, path));
  }
  if (what.object &&
      !what.object->order.enter(what.extent, running->ticket, [this, running] { post(running); })) {
    return;
  }
  if (what.attempt) {
    const auto begun = Placement::begin();
    std::optional<Status> ended;
    const Status thrown = service::detail::guarded([&]() -> Status {
      ended = what.attempt();
      return HGCM_INF_SUCCESS;
    });
    what.share->placement().end(begun);
    if (ended || thrown.failed()) {
      finish(*running, ended.value_or(thrown));
    } else {
      post(running);
    }
  } else if (what.takes_long || !what.share->placement().at_once(Placement::Clock::now())) {
    post(running);
  } else {
    run(*running, true);
  }
}

void SharedFolders::post(const std::shared_ptr<Running>& running) {
  try {
    pool_.post(running->job.share.get(), [running] { run(*running, !running->job.takes_long); });
  } catch (...) {
    finish(*running, HGCM_ERR_NO_MEMORY);
  }
}

void SharedFolders::run(Running& running, bool measured) {
  Status status;
  if (running.client->gone()) {
    status = HGCM_ERR_INTERRUPTED;
  } else if (running.call.is_cancelled()) {
    status = HGCM_ERR_CANCELLED;
  } else {
    const auto begun = Placement::begin();
    status = service::detail::guarded([&] { return running.job.work(running.call); });
    if (measured) running.job.share->placement().end(begun);
  }
  finish(running, status);
}

void SharedFolders::finish(Running& running, Status status) {
  if (running.job.object) {
    running.job.object->order.leave(running.ticket);
  }
  running.own.clear();
  // What the work held must be gone when the guest hears of it.
  running.job.work = nullptr;
  running.job.attempt = nullptr;
  running.job.object = nullptr;
  std::move(running.call).complete(status);
}

}  // namespace hgcm::shfl
