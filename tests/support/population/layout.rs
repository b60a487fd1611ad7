//! The tables of the four agencies as `tests/fixtures/sources/*.sql` makes them.

use super::table::Layout;

/// Registering offices.
pub(super) const OFFICES: Layout = Layout {
    source: "civil_status",
    table: "hotich.co_quan",
    entity: None,
    columns: "ma_co_quan, ten, ma_tinh, xa",
    identity: None,
    junk: &[],
};

/// Births.
pub(super) const BIRTHS: Layout = Layout {
    source: "civil_status",
    table: "hotich.khai_sinh",
    entity: Some("birth"),
    columns: "id, ma_co_quan, quyen_so, nam_so, so, loai_dang_ky, trang_thai, ngay_dang_ky, \
              so_giay_chung_sinh, con_ho, con_chu_dem, con_ten, con_ngay_sinh, con_gioi_tinh, \
              con_dan_toc, con_quoc_tich, noi_sinh_tinh, noi_sinh_xa, noi_sinh_chi_tiet, noi_dk_tinh, \
              noi_dk_xa, que_quan_tinh, que_quan_xa, con_so_dinh_danh, me_ho_ten, me_ngay_sinh, \
              me_dan_toc, me_quoc_tich, me_so_dinh_danh, me_so_cmnd, cha_ho_ten, cha_ngay_sinh, \
              cha_dan_toc, cha_quoc_tich, cha_so_dinh_danh, cha_so_cmnd, ghi_luc",
    identity: Some("id"),
    junk: &[
        ("con_gioi_tinh", "7"),
        ("con_dan_toc", "57"),
        ("con_quoc_tich", "09 Tiệp Khắc"),
        ("con_ngay_sinh", "30/02/1996"),
        ("con_ngay_sinh", "khoảng 1970"),
        ("con_so_dinh_danh", "00109O000123"),
    ],
};

pub(super) const MARRIAGES: Layout = Layout {
    source: "civil_status",
    table: "hotich.ket_hon",
    entity: Some("marriage"),
    columns: "id, ma_co_quan, quyen_so, nam_so, so, trang_thai, ngay_dang_ky, chong_ho, chong_chu_dem, \
              chong_ten, chong_ngay_sinh, chong_dan_toc, chong_quoc_tich, chong_so_dinh_danh, \
              chong_so_cmnd, vo_ho, vo_chu_dem, vo_ten, vo_ngay_sinh, vo_dan_toc, vo_quoc_tich, \
              vo_so_dinh_danh, vo_so_cmnd, ghi_luc",
    identity: Some("id"),
    junk: &[("chong_quoc_tich", "75 Mỹ 2"), ("vo_ngay_sinh", "31/04/1988"), ("vo_dan_toc", "99X")],
};

pub(super) const DIVORCES: Layout = Layout {
    source: "civil_status",
    table: "hotich.ly_hon",
    entity: Some("divorce"),
    columns: "id, ma_co_quan, quyen_so, nam_so, so, so_ban_an, toa_an, ngay_hieu_luc, kh_ma_co_quan, \
              kh_quyen_so, kh_nam_so, kh_so, chong_ho_ten, chong_ngay_sinh, chong_so_dinh_danh, \
              vo_ho_ten, vo_ngay_sinh, vo_so_dinh_danh, ghi_luc",
    identity: Some("id"),
    junk: &[("vo_ngay_sinh", "không rõ")],
};

pub(super) const DEATHS: Layout = Layout {
    source: "civil_status",
    table: "hotich.khai_tu",
    entity: Some("death"),
    columns: "id, ma_co_quan, quyen_so, nam_so, so, loai, trang_thai, ngay_dang_ky, so_trich_luc, \
              so_giay_bao_tu, ngay_chet, ho_ten, ngay_sinh, gioi_tinh, dan_toc, so_dinh_danh, so_cmnd, \
              ghi_luc",
    identity: Some("id"),
    junk: &[("ngay_chet", "29/02/2023"), ("gioi_tinh", "9"), ("so_cmnd", "không có")],
};

pub(super) const CHANGES: Layout = Layout {
    source: "civil_status",
    table: "hotich.thay_doi",
    entity: Some("change"),
    columns: "id, ma_co_quan, quyen_so, nam_so, so, loai, trang_thai, ngay_hieu_luc, ks_ma_co_quan, \
              ks_quyen_so, ks_nam_so, ks_so, so_dinh_danh, ho, chu_dem, ten, ngay_sinh, gioi_tinh, \
              dan_toc_moi, quoc_tich_moi, que_quan_tinh_moi, que_quan_xa_moi, noi_sinh_tinh_moi, \
              noi_sinh_xa_moi, noi_dk_tinh_moi, noi_dk_xa_moi, can_cu, ghi_luc",
    identity: Some("id"),
    junk: &[("dan_toc_moi", "K")],
};

pub(super) const ADOPTIONS: Layout = Layout {
    source: "civil_status",
    table: "hotich.nuoi_con_nuoi",
    entity: Some("adoption"),
    columns: "id, ma_co_quan, quyen_so, nam_so, so, loai, trang_thai, ngay_dang_ky, con_ho_ten, \
              con_ngay_sinh, con_so_dinh_danh, me_ho_ten, me_ngay_sinh, me_so_dinh_danh, cha_ho_ten, \
              cha_ngay_sinh, cha_so_dinh_danh, ghi_luc",
    identity: Some("id"),
    junk: &[("con_ngay_sinh", "31/06/2020"), ("loai", "9")],
};

pub(super) const PERSONS: Layout = Layout {
    source: "residence",
    table: "cu_tru.cong_dan",
    entity: Some("person"),
    columns: "ma_cong_dan, so_dinh_danh, so_cmnd, ho_ten, ngay_sinh, gioi_tinh, dan_toc, quoc_tich, \
              que_quan_tinh, que_quan_xa, hon_nhan, cap_nhat_luc",
    identity: Some("ma_cong_dan"),
    junk: &[
        ("gioi_tinh", "X"),
        ("dan_toc", "57"),
        ("quoc_tich", "VNM"),
        ("ngay_sinh", "1988-13-01"),
        ("so_dinh_danh", "12345678901"),
        ("hon_nhan", "DK"),
    ],
};

pub(super) const FILES: Layout = Layout {
    source: "residence",
    table: "cu_tru.ho_so",
    entity: None,
    columns: "so_ho_so, chu_ho, ma_tinh, ma_xa, dia_chi, lap_ngay",
    identity: None,
    junk: &[],
};

pub(super) const PERMANENT: Layout = Layout {
    source: "residence",
    table: "cu_tru.thuong_tru",
    entity: Some("permanent"),
    columns: "id, ma_cong_dan, so_dinh_danh, so_ho_so, quan_he_chu_ho, ma_tinh, ma_xa, dia_chi, tu_ngay, \
              trang_thai, xoa_ngay, ly_do_xoa, cap_nhat_luc",
    identity: Some("id"),
    junk: &[("ma_tinh", "03"), ("ma_xa", "99999"), ("quan_he_chu_ho", "ZZ")],
};

pub(super) const TEMPORARY: Layout = Layout {
    source: "residence",
    table: "cu_tru.tam_tru",
    entity: Some("temporary"),
    columns: "id, ma_cong_dan, so_dinh_danh, ma_tinh, ma_xa, dia_chi, tu_ngay, den_ngay, trang_thai, \
              cap_nhat_luc",
    identity: Some("id"),
    junk: &[("ma_tinh", "99")],
};

pub(super) const CURRENT: Layout = Layout {
    source: "residence",
    table: "cu_tru.noi_o_hien_tai",
    entity: Some("current"),
    columns: "ma_cong_dan, so_dinh_danh, ma_tinh, ma_xa, dia_chi, tu_ngay, cap_nhat_luc",
    identity: None,
    junk: &[("ma_tinh", "00")],
};

pub(super) const ABSENCE: Layout = Layout {
    source: "residence",
    table: "cu_tru.tam_vang",
    entity: Some("absence"),
    columns: "id, ma_cong_dan, so_dinh_danh, tu_ngay, den_ngay, noi_den, trang_thai, cap_nhat_luc",
    identity: Some("id"),
    junk: &[("so_dinh_danh", "không có")],
};

pub(super) const DECLARATIONS: Layout = Layout {
    source: "residence",
    table: "cu_tru.khai_bao",
    entity: Some("declaration"),
    columns: "ma_cong_dan, so_dinh_danh, dien_thoai, thu_dien_tu, ton_giao, ten_goi_khac, thong_tin_khac, \
              cap_nhat_luc",
    identity: None,
    junk: &[("ton_giao", "??")],
};

pub(super) const NUMBERS: Layout = Layout {
    source: "identity",
    table: "can_cuoc.so_dinh_danh",
    entity: Some("pin"),
    columns: "so_dinh_danh, trang_thai, ngay_xac_lap, ngay_huy, ly_do_huy, thay_cho, ho_ten, ngay_sinh, \
              gioi_tinh, quoc_tich, noi_dk_tinh, noi_dk_xa, que_quan_tinh, que_quan_xa, so_cmnd, \
              ks_ma_co_quan, ks_quyen_so, ks_nam_so, ks_so, cap_nhat_luc",
    identity: None,
    junk: &[
        ("ngay_sinh", "19890230"),
        ("quoc_tich", "Việt Nam"),
        ("gioi_tinh", "8"),
        ("so_cmnd", "12345678"),
    ],
};

pub(super) const CARDS: Layout = Layout {
    source: "identity",
    table: "can_cuoc.the",
    entity: Some("card"),
    columns: "ma_the, so_dinh_danh, loai_the, ngay_cap, noi_cap, het_han, trang_thai, ho_ten, ngay_sinh, \
              cap_nhat_luc",
    identity: Some("ma_the"),
    junk: &[("loai_the", "CMND9"), ("ngay_cap", "20239901"), ("het_han", "KTH")],
};

pub(super) const BIRTH_NOTICES: Layout = Layout {
    source: "medical",
    table: "y_te.giay_chung_sinh",
    entity: Some("birth_notice"),
    columns: "so_giay, ma_co_so, ngay_sinh, gio_sinh, gioi_tinh, can_nang, ten_du_kien, me_ho_ten, \
              me_ngay_sinh, me_so_dinh_danh, lap_ngay, ghi_luc",
    identity: None,
    junk: &[("gioi_tinh", "be trai"), ("ngay_sinh", "32/01/2025")],
};

pub(super) const DEATH_NOTICES: Layout = Layout {
    source: "medical",
    table: "y_te.giay_bao_tu",
    entity: Some("death_notice"),
    columns: "so_giay, ma_co_so, ho_ten, ngay_sinh, gioi_tinh, so_dinh_danh, ngay_chet, nguyen_nhan, \
              lap_ngay, ghi_luc",
    identity: None,
    junk: &[("ngay_chet", "31/11/2024"), ("so_dinh_danh", "CMND 012345678")],
};

pub(super) const BLOOD_TESTS: Layout = Layout {
    source: "medical",
    table: "y_te.nhom_mau",
    entity: Some("blood_test"),
    columns: "ma_xet_nghiem, ma_co_so, so_dinh_danh, ho_ten, ngay_sinh, gioi_tinh, nhom_mau, \
              ngay_xet_nghiem, ghi_luc",
    identity: Some("ma_xet_nghiem"),
    junk: &[("nhom_mau", "C"), ("nhom_mau", "Rh+")],
};
