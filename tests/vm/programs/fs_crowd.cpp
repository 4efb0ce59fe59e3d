// SPDX-License-Identifier: MIT
//
// fs-exercise: a directory of very many entries, listed while others make, rename and remove
// entries in it. What is there all the time is listed exactly once, nothing is listed twice, and a
// listing comes to its end.
#include <dirent.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>
#include <string>
#include <unordered_set>
#include <vector>

#include "fs_support.h"

namespace {

// What changes at a time, of each process that changes something.
constexpr std::size_t kLive = 200;

std::string lasting(unsigned number) {
  char name[16];
  std::snprintf(name, sizeof name, "s%08u", number);
  return name;
}

// One pass over the directory, with a jump back to a place that was noted on the way.
void list_once(DIR* directory, unsigned count, unsigned pass) {
  std::unordered_set<std::string> seen;
  std::vector<bool> found(count);
  const unsigned place = count / 7 * (pass % 7) + 1;
  long noted = -1;
  std::string after;  // the first that lasts behind that place
  const std::size_t limit = 3UL * count + 100000;
  while (const dirent* entry = readdir(directory)) {
    const std::string name = entry->d_name;
    if (!seen.insert(name).second) fail("%s is listed twice", name.c_str());
    if (seen.size() > limit) fail("a listing without end");
    if (name[0] == 's') {
      const unsigned long number = std::stoul(name.substr(1));
      CHECK(number < count && name == lasting(static_cast<unsigned>(number)));
      found[number] = true;
      if (noted != -1 && after.empty()) after = name;
    }
    if (seen.size() == place) noted = telldir(directory);
  }
  const auto missing = std::find(found.begin(), found.end(), false) - found.begin();
  if (missing < count) fail("%s is missing", lasting(static_cast<unsigned>(missing)).c_str());
  if (!seen.count(".") || !seen.count("..")) fail("no . or ..");

  seekdir(directory, noted);
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != 's') continue;
    if (after != entry->d_name) fail("%s is at the place of %s", entry->d_name, after.c_str());
    break;
  }
}

}  // namespace

void crowd_fill(const std::string& directory, unsigned count) {
  for (unsigned i = 0; i < count; ++i)
    File(directory + '/' + lasting(i), O_WRONLY | O_CREAT | O_EXCL);
}

// A name is used once only, so that nobody may see it twice.
void crowd_churn(const std::string& directory, int seconds, const std::string& who) {
  std::deque<std::string> live;
  const time_t end = time(nullptr) + seconds;
  for (unsigned i = 0; time(nullptr) < end; ++i) {
    live.push_back(directory + "/c" + who + std::to_string(i));
    File(live.back(), O_WRONLY | O_CREAT | O_EXCL);
    if (i % 3 == 0) {
      const std::string next = directory + "/r" + who + std::to_string(i);
      CHECK(rename(live.front().c_str(), next.c_str()) == 0);
      live.pop_front();
      live.push_back(next);
    }
    if (live.size() > kLive) {
      CHECK(unlink(live.front().c_str()) == 0);
      live.pop_front();
    }
  }
  for (const auto& name : live) CHECK(unlink(name.c_str()) == 0);
}

void crowd(const std::string& path, unsigned count, int seconds) {
  CHECK(count > 100);
  const pid_t other = fork();
  if (other == 0) {
    crowd_churn(path, seconds, "guest");
    std::_Exit(0);
  }
  const time_t end = time(nullptr) + seconds;
  unsigned pass = 0;
  do {
    DIR* directory = opendir(path.c_str());
    CHECK(directory != nullptr);
    list_once(directory, count, pass);
    rewinddir(directory);
    list_once(directory, count, pass + 3);
    CHECK(closedir(directory) == 0);
    ++pass;
  } while (time(nullptr) < end);
  wait_for_all();
  std::printf("%u times\n", 2 * pass);
}
