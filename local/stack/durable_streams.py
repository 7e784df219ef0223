"""DynamoDB keeps a table's stream for 24 hours, whatever is restarted. The emulator saves its tables and how far each function has read,
but not the records of the streams: after a restart a stream began at 0 again, and a function missed as many records as it had read before."""

from ministack.services import dynamodb

KEPT = {"stream_records": dynamodb._stream_records, "stream_trimmed": dynamodb._stream_trimmed}
COUNTER = "stream_sequence"


def install() -> None:
    save, load = dynamodb.get_state, dynamodb.load_persisted_state

    def saved() -> dict:
        return {**save(), **KEPT, COUNTER: dynamodb._stream_seq_counter}

    def loaded(data: dict) -> None:
        load(data)
        for name, store in KEPT.items():
            store.update(data[name])
        dynamodb._stream_seq_counter = data[COUNTER]

    dynamodb.get_state = saved
    dynamodb.load_persisted_state = loaded
