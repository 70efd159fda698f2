namespace Gateway.Metering;

/// <summary>The field that a line of an event stream sets.</summary>
internal enum EventField : byte
{
    // Before and within the name of the field.
    None, Unfinished,

    // In the value of a field; other fields are ignored.
    Event, Data, Other,
}
