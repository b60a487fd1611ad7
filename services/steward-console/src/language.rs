//! The two languages of the console: every text stands once, Vietnamese and English side by side.

/// Which language a page is in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Language {
    /// Vietnamese: the language of the administration, and the default.
    #[default]
    Vietnamese,
    /// English.
    English,
}

impl Language {
    /// The language tag: `vi` or `en`.
    pub(crate) const fn tag(self) -> &'static str {
        match self {
            Self::Vietnamese => "vi",
            Self::English => "en",
        }
    }

    /// The language of a tag; Vietnamese for any other.
    pub(crate) fn of_tag(tag: &str) -> Self {
        if tag == "en" { Self::English } else { Self::Vietnamese }
    }

    /// The texts in this language.
    pub(crate) const fn texts(self) -> &'static Texts {
        match self {
            Self::Vietnamese => &Texts::VI,
            Self::English => &Texts::EN,
        }
    }

    /// Of two names, the one in this language.
    pub(crate) const fn pick<'a>(self, vietnamese: &'a str, english: &'a str) -> &'a str {
        match self {
            Self::Vietnamese => vietnamese,
            Self::English => english,
        }
    }
}

macro_rules! texts {
    ($($name:ident: $vi:literal, $en:literal;)+) => {
        /// Every fixed text of the pages in one language.
        #[derive(Debug)]
        pub(crate) struct Texts {
            $(pub(crate) $name: &'static str,)+
        }

        impl Texts {
            const VI: Self = Self { $($name: $vi,)+ };
            const EN: Self = Self { $($name: $en,)+ };

            #[cfg(test)]
            fn all(&self) -> Vec<(&'static str, &'static str)> {
                vec![$((stringify!($name), self.$name),)+]
            }
        }
    };
}

texts! {
    product: "Bàn đối chiếu dữ liệu dân cư", "Population data steward desk";
    skip_to_content: "Đến nội dung chính", "Skip to main content";
    other_language: "English", "Tiếng Việt";
    language_label: "Ngôn ngữ", "Language";
    all_times: "Giờ Việt Nam (UTC+7)", "Viet Nam time (UTC+7)";

    sign_in_title: "Đăng nhập", "Sign in";
    user_name: "Tên người dùng", "User name";
    password: "Mật khẩu", "Password";
    sign_in: "Đăng nhập", "Sign in";
    sign_out: "Đăng xuất", "Sign out";
    signed_in_as: "Người dùng", "Signed in as";
    role_steward: "cán bộ đối chiếu", "steward";
    role_reader: "chỉ xem", "reader";
    error_title: "Cần sửa", "There is a problem";
    sign_in_refused: "Tên người dùng hoặc mật khẩu không đúng.", "The user name or the password is wrong.";
    sign_in_blocked: "Đăng nhập sai quá nhiều lần. Hãy thử lại sau 15 phút.", "Too many failed sign-ins. Try again in 15 minutes.";
    signed_out: "Đã đăng xuất.", "You are signed out.";
    session_ended: "Phiên làm việc đã hết hạn. Hãy đăng nhập lại.", "Your session has ended. Sign in again.";

    cases_title: "Hồ sơ đang mở", "Open cases";
    cases_caption: "Nghiêm trọng nhất trước, rồi đến hồ sơ cũ nhất. Mức nghiêm trọng = tác hại × số thỏa thuận đang giữ mục thông tin.", "The most severe first, then the oldest. Severity = harm × agreements that hold the item.";
    decision_recorded: "Đã ghi quyết định. Hồ sơ tự đóng khi quyết định có hiệu lực.", "The decision is recorded. The case closes by itself when it is in force.";
    no_cases: "Không có hồ sơ nào đang mở.", "No case is open.";
    case: "Hồ sơ", "Case";
    subject: "Về", "About";
    field_low: "mục thông tin", "item";
    kind: "Loại", "Type";
    severity: "Mức nghiêm trọng", "Severity";
    severity_of_5: "trên 5", "of 5";
    harm: "tác hại", "harm";
    affected: "số thỏa thuận đang giữ", "agreements that hold it";
    held_by_none: "chưa thỏa thuận nào giữ", "no agreement holds it";
    due: "Hạn xử lý", "Due";
    overdue: "quá hạn", "overdue";
    due_provisional: "tạm tính: lịch nghỉ năm đó chưa công bố", "provisional: that year's holidays are not published";
    due_unknown: "chưa tính được", "not known yet";
    clock_days: "ngày làm việc", "working days";
    clock_by_law: "thời hạn luật định", "set by law";
    clock_by_service: "chỉ tiêu của cơ sở dữ liệu; điều khoản giao việc không định thời hạn", "the registry's own target; the article that gives the task sets no time";
    state: "Tình trạng xử lý", "State";
    state_since: "từ", "since";
    state_new: "Mới", "New";
    state_reopened: "Mở lại", "Reopened";
    state_waiting: "Chờ cơ quan quản lý nguồn", "Waits for the source";
    state_under_investigation: "Đang xác minh", "Under investigation";
    state_closed: "Đã đóng", "Closed";
    state_superseded: "Không còn đối tượng", "Superseded";
    waits_for_second: "Chờ người thứ hai duyệt", "Waits for a second steward";
    on_desk_of: "Người xử lý", "On the desk of";
    on_no_desk: "chưa ai nhận", "nobody yet";
    filter_title: "Lọc danh sách", "Filter the list";
    filter_all: "tất cả", "all";
    filter_overdue: "Chỉ hồ sơ quá hạn", "Overdue cases only";
    filter_apply: "Lọc", "Filter";
    filter_clear: "Bỏ lọc", "Clear the filter";
    no_cases_so: "Không có hồ sơ nào như vậy.", "There is no such case.";
    sources: "Các nguồn", "Sources";
    opened: "Mở lúc", "Opened";
    next_page: "Trang sau", "Next page";
    first_page: "Về trang đầu", "Back to the first page";
    open_case: "Xem hồ sơ", "View case";
    decision_on_its_way: "Đã quyết định, chờ cập nhật", "Decided, being applied";

    kind_field_conflict: "Các nguồn khác nhau", "Sources disagree";
    kind_identifier_conflict: "Số định danh không khớp", "Number does not match";
    kind_digit_mismatch: "Chữ số của số định danh không khớp", "Digits of the number do not match";
    kind_duplicate: "Có thể trùng người", "Possible duplicate";
    kind_confusion: "Lẫn hai người", "Two people mixed up";
    kind_twin_check: "Kiểm tra sinh đôi", "Twin check";
    kind_orphan: "Bản ghi không có gốc", "Record without its act";
    kind_stale_link: "Căn cứ gắn kết đã thay đổi", "Ground of a link has changed";
    kind_error_report: "Báo sai sót", "Error report";

    case_closed: "Hồ sơ này không còn mở: các nguồn đã thống nhất, đã có quyết định có hiệu lực, hoặc mã hồ sơ không đúng.", "This case is not open any more: the sources agree, a decision is in force, or the number is wrong.";
    back_to_cases: "Về danh sách", "Back to the list";
    person: "Người", "Person";
    pin: "Số định danh", "Personal identification number";
    born: "Sinh", "Born";
    legal_basis: "Căn cứ", "Legal basis";
    values_title: "Các giá trị đang có", "The competing values";
    values_caption: "Mỗi cột là một bản ghi của một nguồn; phần khác với giá trị đang đứng được gạch chân, in đậm và ghi thành lời.", "Each column is one record of one source; what differs from the value that stands is underlined, bold and said in words.";
    value: "Giá trị", "Value";
    difference: "So với giá trị đang đứng", "Against the value that stands";
    stands: "Đang đứng", "Stands";
    stands_by: "Theo quy tắc", "By rule";
    does_not_stand: "Không đứng", "Does not stand";
    role: "Vai trong bản ghi", "Role in the record";
    record_key: "Khóa bản ghi", "Record key";
    act: "Số đăng ký", "Act";
    legal_date: "Ngày có hiệu lực pháp lý", "Legal date";
    recorded_at: "Nguồn ghi lúc", "Recorded by the source";
    authority: "Thứ bậc thẩm quyền", "Rank of authority";
    no_authority: "chỉ là chứng cứ, không có thẩm quyền về mục này", "evidence only, no authority over this item";
    standing: "Tình trạng pháp lý", "Legal standing";
    report_not_taken: "là báo sai sót, không phải bản ghi của nguồn; hãy lấy giá trị của một nguồn hoặc gửi lại nguồn để sửa", "a report is no record of a source: take a source's value, or send it back to be put right";
    not_yet: "chưa có hiệu lực", "not in effect yet";
    key_not_carried: "khóa bản ghi có ký tự không truyền được", "the record key holds characters that cannot travel";
    unknown: "không rõ", "not known";
    same: "giống hệt", "the same";
    too_many_records: "Hồ sơ có nhiều bản ghi hơn số hiển thị được.", "There are more records than this page shows.";

    reported_by: "Người báo", "Reported by";
    reported_by_citizen: "công dân", "the citizen";
    reported_by_agreement: "thỏa thuận", "agreement";
    fault: "Sai sót", "What is wrong";
    fault_wrong_value: "giá trị không đúng", "the value is not true";
    fault_outdated: "giá trị đã cũ", "the value is out of date";
    fault_missing: "thiếu giá trị", "a value is missing";
    fault_other_person: "giá trị của người khác", "it is another person's";
    explanation: "Giải thích của người báo", "The reporter's explanation";
    reported: "Người báo sai sót viết", "What the reporter says";
    no_value_proposed: "Người báo không đề xuất giá trị nào.", "No value is proposed.";

    decide_title: "Quyết định", "Decide";
    decide_legend: "Lấy giá trị của nguồn nào?", "Which source's value is taken?";
    take_value_of: "Lấy giá trị của nguồn", "Take the value of source";
    cannot_take: "Không thể lấy", "Cannot be taken";
    reason: "Lý do (bắt buộc)", "Reason (required)";
    reason_hint: "Nêu giấy tờ, quy định hoặc kết quả xác minh. Từ 10 đến 2000 ký tự. Lý do lưu trong nhật ký kiểm toán.", "Name the document, the rule or the result of verification. 10 to 2000 characters. The reason is kept in the audit log.";
    decide: "Ghi quyết định", "Record the decision";
    consequence: "Quyết định được ghi vào nhật ký, sau đó cập nhật Cơ sở dữ liệu quốc gia về dân cư và các cơ sở dữ liệu được phép dùng mục này.", "The decision is written to the audit log, then applied to the National Population Database and the sector databases that may hold this item.";
    reader_only: "Tài khoản này chỉ được xem.", "This account may only look.";
    no_value_to_take: "Hồ sơ này không có giá trị để chọn: số định danh phải được cơ quan cấp số xác minh.", "There is no value to choose here: the number has to be verified by the agency that issued it.";
    decided_title: "Đã ghi quyết định", "Decision recorded";
    decided_text: "Quyết định đang được chuyển đến cơ sở dữ liệu. Hồ sơ tự đóng khi quyết định có hiệu lực.", "The decision is on its way to the registry. The case closes by itself when it is in force.";
    decided_by: "Người quyết định", "Decided by";
    decided_at: "Lúc", "At";
    taken_record: "Bản ghi được lấy", "Record taken";
    held_title: "Quyết định đang được giữ lại", "The decision is held";
    held_text: "Chưa cơ sở dữ liệu nào biết quyết định này. Có thể hoàn tác đến", "No database knows of it yet. It can be undone until";
    held_after: "Sau đó quyết định được ghi và chuyển đi; khi đó chỉ còn cách thu hồi bằng một quyết định mới.", "After that it is recorded and travels; from then on it is taken back by another decision.";
    undo: "Hoàn tác quyết định", "Undo the decision";
    held_first: "Hồ sơ đang có một quyết định được giữ lại: hãy hoàn tác, hoặc chờ hết thời gian hoàn tác.", "A decision about this case is held: undo it, or wait until it is recorded.";
    window_over: "Quyết định đã được ghi, không hoàn tác được nữa. Hãy thu hồi bằng một quyết định mới ở mục dưới đây.", "The decision is recorded and cannot be undone any more. Take it back by another decision, below.";
    undone_already: "Quyết định này đã được hoàn tác hoặc bị bỏ, không còn gì để hoàn tác.", "This decision was undone or given up already; nothing is left to undo.";
    held_until: "Có thể hoàn tác đến", "Can be undone until";
    held_chip: "Đang giữ lại, hoàn tác được đến", "Held, can be undone until";
    undone_by: "Đã hoàn tác bởi", "Undone by";
    given_up_changed: "Không được ghi: dữ liệu hoặc quyết định của hồ sơ đã thay đổi trong lúc giữ lại. Hãy xem lại rồi quyết định.", "Not recorded: the values or decisions of the case changed while it was held. Look again, then decide.";
    given_up_not_allowed: "Không được ghi: người quyết định không còn quyền quyết định.", "Not recorded: its author may not decide any more.";
    recorded_after_window: "Được ghi khi hết thời gian hoàn tác; quyết định lúc", "Recorded when the undo window was over; decided at";
    choose_a_source: "Chọn một nguồn.", "Choose a source.";
    give_a_reason: "Nhập lý do từ 10 đến 2000 ký tự.", "Enter a reason of 10 to 2000 characters.";
    values_changed: "Giá trị hoặc quyết định đã thay đổi từ khi mở trang. Hãy xem lại rồi quyết định.", "Values or decisions have changed since you opened the page. Look again, then decide.";

    records_title: "Các bản ghi đặt cạnh nhau", "The records side by side";
    records_caption: "Mỗi cột là một bản ghi; phần khác với cột đầu được gạch chân, in đậm và ghi thành lời. Bản ghi đang xét đứng trước.", "Each column is one record; what differs from the first column is underlined, bold and said in words. Records in question come first.";
    in_question: "đang xét", "in question";
    belongs_to: "Đang thuộc về", "Belongs to";
    differs: "khác", "differs";
    rule_title: "Bản ghi thuộc về ai?", "Who do the records belong to?";
    rule_legend: "Quyết định", "Decision";
    rule_record: "Về bản ghi", "About the record";
    rule_other: "So với bản ghi (khi quyết định nói về hai bản ghi)", "Against the record (where the decision is about two)";
    rule_no_other: "Không có", "None";
    rule_question: "Câu hỏi gửi cơ quan quản lý nguồn (chỉ khi gửi lại)", "Question to the agency that owns the source (only to send back)";
    rule_question_hint: "Chỉ gửi câu hỏi có sẵn: câu trả lời của cơ sở dữ liệu không được lặp lại thông tin của nguồn khác.", "Only set questions are sent: what the registry answers must not repeat what another source says.";
    rule_take_value: "Lấy giá trị của bản ghi", "Take the value of the record";
    rule_link: "Gắn bản ghi vào người của bản ghi kia", "Link the record to the other record's person";
    rule_split: "Tách bản ghi khỏi người đang gắn", "Split the record from the person it stands with";
    rule_merge: "Hai bản ghi là của một người", "The two records are of one person";
    rule_keep_separate: "Hai người khác nhau", "Two different people";
    rule_confirm_twins: "Hai người sinh đôi", "Twins";
    rule_mark_confusion: "Một bản ghi lẫn hai người", "Two people mixed up in one record";
    rule_send_back: "Gửi lại cơ quan quản lý nguồn kèm câu hỏi", "Send back to the owning agency with a question";
    rule_under_investigation: "Đang xác minh", "Under investigation";
    ask_check_value: "Giấy tờ gốc có ghi như vậy không?", "Does the original document say this?";
    ask_check_person: "Bản ghi có đúng là của người này không?", "Is the record about this person?";
    ask_check_number: "Số định danh có đúng là của người này không?", "Is the number this person's?";
    ask_two_people: "Bản ghi có lẫn thông tin của hai người không?", "Are two people mixed up in the record?";
    ask_missing_act: "Sự kiện hộ tịch mà bản ghi nêu ở đâu?", "Where is the act that the record names?";
    needs_second: "cần người thứ hai duyệt", "a second steward approves";
    choose_a_kind: "Chọn một loại quyết định phù hợp với hồ sơ này.", "Choose a kind of decision that fits this case.";
    choose_a_record: "Chọn một bản ghi trong các bản ghi đang hiển thị.", "Choose one of the records shown.";
    choose_the_other: "Gắn, gộp, hai người khác nhau và sinh đôi cần hai bản ghi khác nhau; các quyết định khác chỉ cần một.", "Link, one person, different people and twins need two different records; the others need one.";
    choose_a_question: "Chọn câu hỏi khi gửi lại, và chỉ khi gửi lại.", "Choose a question to send back, and only then.";
    no_effect: "Quyết định này không thay đổi gì: hai bản ghi đã thuộc một người, hoặc bản ghi đứng một mình.", "This would change nothing: the records are one person's already, or the record stands alone.";
    proposals_title: "Chờ người thứ hai duyệt", "Waiting for a second steward";
    proposed_by: "Người đề xuất", "Proposed by";
    reason_given: "Lý do", "Reason";
    proposal_stale: "Dữ liệu đã thay đổi từ khi đề xuất: không thể duyệt, hãy rút hoặc từ chối rồi đề xuất lại.", "What it rests on has changed since: it cannot be approved. Withdraw or reject it and propose anew.";
    own_proposal: "Bạn đã đề xuất: người khác phải duyệt.", "You proposed this: somebody else approves it.";
    approve: "Duyệt", "Approve";
    reject: "Từ chối", "Reject";
    withdraw: "Rút đề xuất", "Withdraw";
    no_proposal: "Đề xuất này không còn chờ.", "This proposal does not wait any more.";
    same_person: "Người đề xuất không được tự duyệt; chỉ người đề xuất được rút.", "Who proposed it cannot approve it, and only they can withdraw it.";
    trail_title: "Các quyết định về hồ sơ này", "Decisions about this case";
    decision: "quyết định", "decision";
    in_registry_since: "Có trong cơ sở dữ liệu từ", "In the registry since";
    on_its_way: "Đang chuyển đến cơ sở dữ liệu", "On its way to the registry";
    what_changed: "Đã thay đổi", "What it changed";
    key: "Khóa", "Key";
    person_before: "Người trước đó", "Person before";
    person_after: "Người sau đó", "Person after";
    taken_back_by: "Đã thu hồi bằng quyết định", "Taken back by decision";
    take_back: "Thu hồi quyết định", "Take the decision back";
    take_back_hint: "Thu hồi là một quyết định mới; quyết định cũ vẫn lưu. Nếu làm người thay đổi thì cần người thứ hai duyệt.", "Taking back is a new decision; the old one stays on record. Where persons move by it, a second steward approves.";
    already_taken_back: "Quyết định này đã bị thu hồi.", "This decision is taken back already.";
    ended_case_title: "Hồ sơ không còn mở", "Case that is over";
    ended_case_text: "Hồ sơ này không còn mở: các nguồn đã thống nhất, đã có quyết định có hiệu lực, hoặc đối tượng không còn.", "This case is not open any more: the sources agree, a decision is in force, or its subject is gone.";
    ended_take_back: "Có thể thu hồi từng quyết định nếu sai.", "Each decision can be taken back if it was wrong.";
    item: "Mục thông tin", "Item";
    claim: "Nhận xử lý", "Take this case";
    release: "Trả lại", "Release";
    claimed_by_other: "Người khác đang xử lý hồ sơ này.", "Another steward has this case on the desk.";

    not_found: "Không có trang này.", "There is no such page.";
    refused: "Yêu cầu bị từ chối: không gửi từ trang này, biểu mẫu đã cũ hoặc tài khoản không có quyền. Hãy tải lại trang.", "The request was refused: it did not come from this site, the form is old, or the account lacks the right. Reload the page.";
    bad_request: "Không đọc được yêu cầu.", "The request cannot be read.";
    unavailable: "Hiện không truy cập được cơ sở dữ liệu. Hãy thử lại sau ít phút.", "A database cannot be reached at present. Try again in a few minutes.";
    reference: "Mã tra cứu", "Reference";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_there_in_both_languages() {
        for ((name, vi), (_, en)) in Texts::VI.all().into_iter().zip(Texts::EN.all()) {
            assert!(!vi.trim().is_empty() && !en.trim().is_empty(), "{name}");
            assert_ne!(vi, en, "{name}");
        }
    }
}
