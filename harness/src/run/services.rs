//! Peers that serve by themselves while the steps of a run go on: a name server answers whenever it is asked.

use std::cell::RefCell;
use std::convert::Infallible;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use super::stage::Task;

/// The services of one run, in the order in which they began. They are driven beside the steps and end with the run.
#[derive(Clone, Default)]
pub struct Services(Rc<RefCell<Inner>>);

#[derive(Default)]
struct Inner {
    serving: Vec<Task<'static, ()>>,
    /// Whoever drives them, to be told of a new one.
    driver: Option<Waker>,
}

impl Services {
    /// Adds one, which may come from a service itself.
    pub fn begin(&self, service: Task<'static, ()>) {
        let mut inner = self.0.borrow_mut();
        inner.serving.push(service);
        if let Some(driver) = inner.driver.take() {
            driver.wake();
        }
    }

    /// Ends all of them. They know of each other, so that nothing else would.
    pub fn end(&self) {
        let serving = std::mem::take(&mut self.0.borrow_mut().serving);
        drop(serving);
    }

    /// Drives all of them, and never ends.
    pub async fn drive(&self) -> Infallible {
        poll_fn(|cx| {
            // A service may begin another one while it runs.
            let serving = std::mem::take(&mut self.0.borrow_mut().serving);
            let mut left: Vec<Task<'static, ()>> = Vec::with_capacity(serving.len());
            for mut service in serving {
                if service.as_mut().poll(cx).is_pending() {
                    left.push(service);
                }
            }
            let mut inner = self.0.borrow_mut();
            if !inner.serving.is_empty() {
                cx.waker().wake_by_ref();
            }
            left.append(&mut inner.serving);
            inner.serving = left;
            inner.driver = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[tokio::test(flavor = "current_thread")]
    async fn services_run_beside_the_steps_and_may_begin_others() {
        let services = Services::default();
        let served = Rc::new(Cell::new(0));
        let steps = async {
            let (own, counter) = (services.clone(), Rc::clone(&served));
            services.begin(Box::pin(async move {
                tokio::task::yield_now().await;
                counter.set(counter.get() + 1);
                own.begin(Box::pin(async move { counter.set(counter.get() + 10) }));
            }));
            while served.get() < 11 {
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            biased;
            never = services.drive() => match never {},
            () = steps => {}
        }
        assert_eq!(served.get(), 11);
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_service_that_knows_the_others_ends_with_them() {
        let services = Services::default();
        let (held, watched) = (Rc::new(()), services.clone());
        let own = Rc::clone(&held);
        services.begin(Box::pin(async move {
            std::future::pending::<()>().await;
            drop((own, watched));
        }));
        assert_eq!(Rc::strong_count(&held), 2);
        services.end();
        assert_eq!(Rc::strong_count(&held), 1);
    }
}
