//! Dates as learning systems write them in the language of their users: `22. November 2026, 09:12`.

use chrono::{NaiveDate, NaiveDateTime, NaiveTime};

/// The months by their names and usual short names, in English, German, French, Spanish, Portuguese, Italian, Dutch,
/// Polish, Turkish, Swedish, Danish, Czech, Romanian, Ukrainian and Russian.
const MONTHS: [&str; 12] = [
    "january jan januar janvier janv enero ene janeiro gennaio januari stycznia ocak januari ledna ianuarie січня января",
    "february feb februar février févr febrero fevereiro febbraio februari lutego şubat února februarie лютого февраля",
    "march mar märz mrz mars marzo março maart marca mart marts března martie березня марта",
    "april apr avril avr abril abr aprile kwietnia nisan dubna aprilie квітня апреля",
    "may mai mayo maio maggio mei maja mayıs maj května травня мая",
    "june jun juni juin junio junho giugno czerwca haziran června iunie червня июня",
    "july jul juli juillet juil julio julho luglio lipca temmuz července iulie липня июля",
    "august aug août agosto ago augustus sierpnia ağustos augusti srpna серпня августа",
    "september sep sept septembre septiembre setembro settembre września eylül září septembrie вересня сентября",
    "october oct oktober okt octobre octubre outubro ottobre października ekim října octombrie жовтня октября",
    "november nov novembre noviembre novembro listopada kasım listopadu noiembrie листопада ноября",
    "december dec dezember dez décembre déc diciembre dic dezembro dicembre grudnia aralık prosince decembrie грудня декабря",
];

/// A day, a month by its name (or Chinese and Japanese signs), a year and a time of day, with whatever words between
/// them. The day of the week is passed over: the date says it better.
pub fn in_words(text: &str) -> Option<NaiveDateTime> {
    let text = text.to_lowercase();
    let (mut numbers, mut month, mut time, mut half) = (Vec::new(), None, None, None);
    for word in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '.' | '年' | '月' | '日')) {
        let named = || MONTHS.iter().position(|names| names.split(' ').any(|name| name == word));
        if let Some((hour, minute)) = word.split_once(':') {
            let (minute, second) = minute.split_once(':').unwrap_or((minute, "0"));
            let told = (hour.parse().ok()?, minute.parse().ok()?, second.parse().ok()?);
            time.replace(told).is_none().then_some(())?;
        } else if let Ok(number) = word.parse::<u32>() {
            numbers.push(number);
        } else if matches!(word, "am" | "pm") {
            half = Some(word == "pm");
        } else if let Some(found) = named() {
            month = month.or(u32::try_from(found + 1).ok());
        }
    }
    let (day, month, year) = match (numbers.as_slice(), month) {
        ([day, year], Some(month)) if *year > 1000 => (*day, month, *year),
        ([year, day], Some(month)) if *year > 1000 => (*day, month, *year),
        ([year, month, day], None) if *year > 1000 => (*day, *month, *year),
        _ => return None,
    };
    let (hour, minute, second): (u32, u32, u32) = time?;
    let hour = match half {
        Some(_) if hour > 12 => return None,
        Some(afternoon) => hour % 12 + if afternoon { 12 } else { 0 },
        None => hour,
    };
    let date = NaiveDate::from_ymd_opt(i32::try_from(year).ok()?, month, day)?;
    Some(date.and_time(NaiveTime::from_hms_opt(hour, minute, second)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case::german("Sonntag, 22. November 2026, 09:12")]
    #[case::german_short("22. Nov. 2026, 09:12 Uhr")]
    #[case::french("dimanche 22 novembre 2026, 09:12")]
    #[case::spanish("domingo, 22 de noviembre de 2026, 09:12")]
    #[case::portuguese("domingo, 22 de novembro de 2026 às 09:12")]
    #[case::italian("domenica, 22 novembre 2026, 09:12")]
    #[case::polish("niedziela, 22 listopada 2026, 09:12")]
    #[case::turkish("22 Kasım 2026, Pazar, 09:12")]
    #[case::russian("воскресенье, 22 ноября 2026, 09:12")]
    #[case::chinese("2026年11月22日 星期日 09:12")]
    #[case::english("Sunday, 22 November 2026, 9:12 AM")]
    #[case::american("November 22, 2026 9:12:00 am")]
    #[case::wrong_day_of_the_week("Friday, 22 November 2026, 9:12 AM")]
    fn one_moment(#[case] text: &str) {
        assert_eq!(in_words(text).map(|time| time.to_string()).as_deref(), Some("2026-11-22 09:12:00"));
    }

    #[rstest]
    #[case::afternoon("22 November 2026, 12:30 PM", Some("2026-11-22 12:30:00"))]
    #[case::midnight("22 November 2026, 12:05 AM", Some("2026-11-22 00:05:00"))]
    #[case::no_time("22 November 2026", None)]
    #[case::no_year("22 November, 09:12", None)]
    #[case::no_such_day("31 November 2026, 09:12", None)]
    #[case::two_times("22 November 2026, 09:12, 10:12", None)]
    #[case::ambiguous("11/12/2026 09:12", None)]
    #[case::words("yesterday at noon", None)]
    fn no_guesses(#[case] text: &str, #[case] time: Option<&str>) {
        assert_eq!(in_words(text).map(|time| time.to_string()).as_deref(), time);
    }
}
