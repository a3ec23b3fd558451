// transom/transom.hpp - all of the library but the optional adapters.
#pragma once
#include "transom/channel.hpp"
#include "transom/os.hpp"
#include "transom/process.hpp"
#include "transom/sync.hpp"
