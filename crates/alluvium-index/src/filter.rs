//! Filters as expressions. Nothing that a user typed ever becomes SQL text.

use std::sync::Arc;

use alluvium_core::access::Principals;
use arrow_array::{ArrayRef, StringArray};
use datafusion_common::ScalarValue;
use datafusion_common::utils::SingleRowListArrayBuilder;
use datafusion_expr::{Expr, col, lit};
use datafusion_functions_nested::expr_fn::{array_has, array_has_any};

/// `column` is one of `values`.
pub(crate) fn one_of<S: AsRef<str>>(column: &str, values: &[S]) -> Expr {
    let list = values.iter().map(|v| lit(v.as_ref().to_owned())).collect();
    col(column).in_list(list, false)
}

/// `column` equals `value`.
pub(crate) fn equals(column: &str, value: &str) -> Expr {
    col(column).eq(lit(value.to_owned()))
}

/// The number in `column` is 0.
pub(crate) fn is_zero(column: &str) -> Expr {
    col(column).eq(lit(0_i64))
}

/// The list in `column` holds `value`.
pub(crate) fn holds(column: &str, value: &str) -> Expr {
    array_has(col(column), lit(value.to_owned()))
}

/// The list in `column` does not hold `value`.
pub(crate) fn lacks(column: &str, value: &str) -> Expr {
    Expr::Not(Box::new(holds(column, value)))
}

/// A time as the tables have it.
pub(crate) fn instant(microseconds: i64) -> Expr {
    Expr::Literal(ScalarValue::TimestampMicrosecond(Some(microseconds), Some("UTC".into())), None)
}

/// The pre-filter of every search: some principal is a reader and none is denied.
pub(crate) fn readable_by(principals: &Principals) -> Expr {
    let any = |column: &str| array_has_any(col(column), string_list(principals.as_slice()));
    any("acl_readers").and(Expr::Not(Box::new(any("acl_denied"))))
}

fn string_list(values: &[String]) -> Expr {
    let array: ArrayRef = Arc::new(StringArray::from_iter_values(values));
    let list = SingleRowListArrayBuilder::new(array).build_list_array();
    Expr::Literal(ScalarValue::List(Arc::new(list)), None)
}
