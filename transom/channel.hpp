// transom/channel.hpp - typed messages between threads and processes: sender, receiver, channel, select, wait_set.
#pragma once
#include "transom/base/bytes.hpp"
#include "transom/base/error.hpp"
#include "transom/base/features.hpp"
#include "transom/base/options.hpp"
#include "transom/base/url.hpp"
#include "transom/channel/channel_pair.hpp"
#include "transom/channel/loan.hpp"
#include "transom/channel/receiver.hpp"
#include "transom/channel/select.hpp"
#include "transom/channel/sender.hpp"
#include "transom/channel/view.hpp"
#include "transom/channel/wait_set.hpp"
