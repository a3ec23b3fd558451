// transom/sync.hpp - what several processes do to the same memory in turn, and the memory they do it to.
#pragma once
#include "transom/channel/shared.hpp"
#include "transom/sync/barrier.hpp"
#include "transom/sync/condition.hpp"
#include "transom/sync/event.hpp"
#include "transom/sync/latest.hpp"
#include "transom/sync/mutex.hpp"
#include "transom/sync/rwlock.hpp"
#include "transom/sync/semaphore.hpp"
