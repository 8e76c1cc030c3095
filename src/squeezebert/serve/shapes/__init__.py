"""What requests and responses hold, as frozen records. pydantic checks bodies against them and describes them."""
