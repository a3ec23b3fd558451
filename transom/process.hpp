// transom/process.hpp - programs made of processes: start them, give them channels, wait for their end.
#pragma once
#include "transom/process/child.hpp"
#include "transom/process/command.hpp"
#include "transom/process/inherited.hpp"
#include "transom/process/stop_on_signals.hpp"
