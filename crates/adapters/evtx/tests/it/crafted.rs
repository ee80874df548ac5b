//! Event log files by the format's own rules ([MS-EVEN6] and the layout that its readers agree on): a header, one chunk,
//! records that are instances of one template.

/// A part of an event.
pub(crate) enum Node {
    Element(&'static str, Vec<Node>),
    Text(String),
}

const FILE_HEADER: usize = 4096;
const CHUNK: usize = 65536;
const CHUNK_HEADER: usize = 512;
/// `NO_CRC32`, in the headers' flags.
const NO_CHECKSUM: u32 = 4;

/// A process that began, as Sysmon tells of it.
pub(crate) fn process(image: &str) -> Node {
    let text = |name, text: &str| Node::Element(name, vec![Node::Text(text.to_owned())]);
    let system = vec![
        text("Provider_Name", "Microsoft-Windows-Sysmon"),
        text("EventID", "1"),
        text("Channel", "Microsoft-Windows-Sysmon/Operational"),
        text("Computer", "pc1"),
    ];
    let data = vec![text("UtcTime", "2025-11-27 07:40:10.132"), text("Image", image)];
    Node::Element("Event", vec![Node::Element("System", system), Node::Element("EventData", data)])
}

/// One text that every record repeats, and that JSON writes three times as long as the file: a chunk of 64 KiB comes to
/// some 50 MB.
pub(crate) fn bomb() -> Vec<u8> {
    let text = Node::Text("\u{1}".repeat(16_000));
    event_log(1000, &Node::Element("Event", vec![Node::Element("Text", vec![text])]))
}

/// A file with so many records, or as many of them as one chunk has room for.
pub(crate) fn event_log(records: u64, event: &Node) -> Vec<u8> {
    let mut chunk = vec![0; CHUNK_HEADER];
    let (mut count, mut last) = (0, 0);
    while count < records {
        let record = record(count + 1, chunk.len(), event);
        if chunk.len() + record.len() > CHUNK {
            break;
        }
        last = chunk.len();
        chunk.extend(record);
        count += 1;
    }
    let mut head = b"ElfChnk\0".to_vec();
    for number in [1, count, 1, count] {
        head.extend(number.to_le_bytes());
    }
    for number in [128, small(last), small(chunk.len()), 0] {
        head.extend(number.to_le_bytes());
    }
    head.resize(120, 0);
    head.extend(NO_CHECKSUM.to_le_bytes());
    chunk.get_mut(..head.len()).unwrap().copy_from_slice(&head);
    chunk.resize(CHUNK, 0);

    let mut file = b"ElfFile\0".to_vec();
    for number in [0, 0, count + 1] {
        file.extend(number.to_le_bytes());
    }
    file.extend(128_u32.to_le_bytes());
    // Minor and major version, length of this block, number of chunks.
    for number in [1_u16, 3, 4096, 1] {
        file.extend(number.to_le_bytes());
    }
    file.resize(120, 0);
    file.extend(NO_CHECKSUM.to_le_bytes());
    file.resize(FILE_HEADER, 0);
    file.extend(chunk);
    file
}

/// A record that stands at this place of its chunk. The first one defines the template that all use.
fn record(id: u64, place: usize, event: &Node) -> Vec<u8> {
    let mut body = Vec::new();
    let begin = place + 24;
    fragment(&mut body);
    body.extend([0x0c, 1]);
    body.extend(1_u32.to_le_bytes());
    let first = small(CHUNK_HEADER + 24 + 14);
    body.extend(first.to_le_bytes());
    if place == CHUNK_HEADER {
        let mut template = Vec::new();
        fragment(&mut template);
        element(event, begin + body.len() + 24, &mut template);
        template.push(0);
        body.extend(0_u32.to_le_bytes());
        // The template's GUID begins with its number.
        body.extend(1_u32.to_le_bytes());
        body.extend([0x11; 12]);
        body.extend(small(template.len()).to_le_bytes());
        body.extend(template);
    }
    // No values to put in.
    body.extend(0_u32.to_le_bytes());
    body.push(0);
    let size = small(24 + body.len() + 4);
    let mut record = b"**\0\0".to_vec();
    record.extend(size.to_le_bytes());
    record.extend(id.to_le_bytes());
    record.extend(132_000_000_000_000_000_u64.to_le_bytes());
    record.extend(body);
    record.extend(size.to_le_bytes());
    record
}

/// The header of binary XML.
fn fragment(out: &mut Vec<u8>) {
    out.extend([0x0f, 1, 1, 0]);
}

/// Binary XML of a node, where `out` begins at this place of the chunk.
fn element(node: &Node, begin: usize, out: &mut Vec<u8>) {
    match node {
        Node::Text(text) => {
            out.extend([0x05, 0x01]);
            counted(text, out);
        }
        Node::Element(name, children) => {
            out.push(0x01);
            out.extend(0xffff_u16.to_le_bytes());
            let mut inner = Vec::new();
            let place = begin + out.len() + 8;
            // The name: no other in its bucket, a hash, its letters, and an end.
            inner.extend(0_u32.to_le_bytes());
            let hash = name
                .bytes()
                .fold(0_u32, |hash, byte| hash.wrapping_mul(65_599).wrapping_add(u32::from(byte)));
            inner.extend(hash.to_le_bytes().into_iter().take(2));
            counted(name, &mut inner);
            inner.extend([0, 0, 0x02]);
            for child in children {
                element(child, place, &mut inner);
            }
            inner.push(0x04);
            out.extend(small(inner.len() + 4).to_le_bytes());
            out.extend(small(place).to_le_bytes());
            out.extend(inner);
        }
    }
}

/// The number of its letters, and they.
fn counted(text: &str, out: &mut Vec<u8>) {
    let letters: Vec<u16> = text.encode_utf16().collect();
    out.extend(u16::try_from(letters.len()).unwrap().to_le_bytes());
    out.extend(letters.into_iter().flat_map(u16::to_le_bytes));
}

fn small(number: usize) -> u32 {
    u32::try_from(number).unwrap()
}
