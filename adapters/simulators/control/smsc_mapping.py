"""`optout.sim.v1.SmscService`: messages to the simulator's values and back."""

from __future__ import annotations

from adapters.simulators.control.mapping import read_enum, read_plan, read_seconds, write_time
from adapters.simulators.smsc.entries import Entry, EntryFilter, Fate, Happening
from adapters.simulators.smsc.fault import Operation, ReportScript, ReportTiming, SmscFault
from adapters.simulators.smsc.mailbox import Delivery
from adapters.simulators.smsc.mo import MobileOriginated, RawContent, TextEncoding
from adapters.simulators.smsc.phones import Phone
from adapters.simulators.smsc.reading import NO_READING, PduReading
from adapters.simulators.smsc.simulator import LinkStatus
from optout.sim.v1 import smsc_pb2

_MAX_COPIES = 1000


def read_mo(request: smsc_pb2.SmscServiceSendMoRequest) -> MobileOriginated:
    """Read what a phone sends; raise `ValueError` for what cannot be sent."""
    if not request.text and not request.HasField("raw"):
        raise ValueError("text or raw is required")
    if request.copies > _MAX_COPIES:
        raise ValueError(f"at most {_MAX_COPIES} copies")
    encoding = smsc_pb2.TextEncoding.Name(request.encoding)
    raw = request.raw
    return MobileOriginated(
        sender=getattr(request, "from"),
        text=request.text,
        to=request.to,
        account=request.account,
        encoding=read_enum(TextEncoding, encoding, "TEXT_ENCODING_") or TextEncoding.AUTO,
        reference_bits=request.reference_bits or 8,
        reference=request.reference if request.HasField("reference") else None,
        msg_ids=tuple(request.msg_ids),
        copies=request.copies or 1,
        part_order=tuple(request.part_order),
        vary_gateway=request.vary_gateway,
        link_id=request.link_id,
        service_id=request.service_id,
        raw=RawContent(raw.msg_fmt, raw.content, raw.tp_udhi) if request.HasField("raw") else None,
    )


def read_filter(message: smsc_pb2.SmscFilter) -> EntryFilter:
    """Read which entries are wanted."""
    return EntryFilter(
        happening=read_enum(Happening, smsc_pb2.SmscEvent.Name(message.event), "SMSC_EVENT_"),
        command=message.command,
        number=message.number,
        text_contains=message.text_contains,
        stat=message.stat,
        violation=message.violation,
        account=message.account,
        link=message.link,
        after_index=message.after_index,
        msg_id=message.msg_id,
        fate=read_enum(Fate, smsc_pb2.PduFate.Name(message.fate), "PDU_FATE_"),
    )


def read_fault(message: smsc_pb2.SmscFault) -> SmscFault:
    """Read a fault; raise `ValueError` for one that makes no sense."""
    operation = read_enum(Operation, smsc_pb2.SmscOperation.Name(message.operation), "SMSC_OPERATION_")
    if operation is None:
        raise ValueError("operation is required")
    interval = message.dribble_interval
    return SmscFault(
        operation=operation,
        plan=read_plan(message.plan),
        result=message.result if message.HasField("result") else None,
        answered_version=message.answered_version or None,
        report=_read_report(message.report),
        answered_proof=message.answered_proof,
        answered_command=message.answered_command,
        close_link=message.close_link,
        garbage=message.garbage,
        dribble_bytes=message.dribble_bytes,
        dribble_interval_s=read_seconds(interval) if message.HasField("dribble_interval") else 0.001,
    )


def _read_report(message: smsc_pb2.ReportScript) -> ReportScript:
    timing = read_enum(ReportTiming, smsc_pb2.ReportTiming.Name(message.timing), "REPORT_TIMING_")
    return ReportScript(
        timing=timing or ReportTiming.AFTER_RESPONSE,
        stat=message.stat or "DELIVRD",
        copies=message.copies or 1,
        delay_s=read_seconds(message.delay),
        old_layout=message.old_layout,
    )


def write_entry(entry: Entry) -> smsc_pb2.SmscEntry:
    """Write one thing that happened."""
    message = smsc_pb2.SmscEntry(
        index=entry.index,
        time=write_time(entry.time),
        event=smsc_pb2.SmscEvent.Value(f"SMSC_EVENT_{entry.happening.name}"),
        link=entry.link,
        account=entry.account,
        violation=entry.violation,
        detail=entry.detail,
        number=entry.number,
        text=entry.text,
        msg_id=entry.msg_id,
    )
    if entry.fate is not Fate.PASSED:
        message.fate = smsc_pb2.PduFate.Value(f"PDU_FATE_{entry.fate.name}")
    if entry.frame:
        message.pdu.CopyFrom(_write_pdu(entry, entry.reading or NO_READING))
    return message


def _write_pdu(entry: Entry, reading: PduReading) -> smsc_pb2.SmscPdu:
    return smsc_pb2.SmscPdu(
        command=reading.command,
        sequence=reading.sequence,
        msg_id=reading.msg_id,
        result=reading.result,
        number=reading.number,
        service_code=reading.service_code,
        text=reading.text,
        msg_fmt=reading.msg_fmt,
        pk_number=reading.pk_number,
        pk_total=reading.pk_total,
        fee_type=reading.fee_type,
        stat=reading.stat,
        account=reading.account,
        version=reading.version,
        frame=entry.frame,
        resend=entry.resend,
    )


def write_link(link: LinkStatus) -> smsc_pb2.SmscLink:
    """Write an open connection."""
    return smsc_pb2.SmscLink(
        link=link.number,
        account=link.account,
        version=link.version,
        state=link.state.value,
        unanswered_submits=link.unanswered_submits,
    )


def write_phone(phone: Phone) -> smsc_pb2.Phone:
    """Write a phone and what arrived on it."""
    inbox = []
    for message in phone.inbox:
        item = smsc_pb2.PhoneMessage(time=write_time(message.time), text=message.text, msg_ids=message.msg_ids)
        setattr(item, "from", message.sender)
        inbox.append(item)
    return smsc_pb2.Phone(number=phone.number, inbox=inbox, incomplete=phone.incomplete)


def write_delivery(delivery: Delivery) -> smsc_pb2.Unacknowledged:
    """Write what is not acknowledged."""
    return smsc_pb2.Unacknowledged(
        msg_id=delivery.parcel.msg_id, report=delivery.is_report, account=delivery.account, sends=delivery.sends
    )


def write_violation(entry: Entry) -> smsc_pb2.Violation:
    """Write a broken rule."""
    return smsc_pb2.Violation(index=entry.index, rule=entry.violation, detail=entry.detail)
