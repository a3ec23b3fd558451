// expect: needs a default constructor
#include "transom/channel/codec.hpp"
class account {
 public:
  explicit account(int id) : id_(id) {}
  TRANSOM_FIELDS(account, id_)
 private:
  int id_;
};
const auto& schema = transom::detail::schema_of<account>();
