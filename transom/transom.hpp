// transom/transom.hpp - all of the library but the optional adapters.
#pragma once
#include "transom/channel.hpp"
#include "transom/os.hpp"
#if __has_include("transom/process.hpp")
#include "transom/process.hpp"
#endif
